//! Rigs: real servers for tests, each started by the test itself with a folder of its own, on loopback or in namespaces of its own,
//! and ended with the test, also where that panics.
//!
//! A rig's `start` skips the test loudly where the server cannot run here:
//! `let Some(engine) = Engine::start("name").await else { return };`. Programs are found by a variable, as `cargo xtask test` sets
//! them, else on the path. Each rig's own test shows its use.

pub(crate) mod alertmanager;
pub(crate) mod authority;
pub(crate) mod engine;
pub(crate) mod haproxy;
pub(crate) mod mariadb;
pub(crate) mod nginx;
pub(crate) mod postgres;
pub(crate) mod prometheus;
pub(crate) mod rabbitmq;
pub(crate) mod redis;
pub(crate) mod server;
