//! The driver `docker` at several engines, at engines behind TLS and SSH, and at Podman.

mod podman;
mod secured;
mod several;
mod ssh;
mod stage;
