//! The driver `docker` against a real engine: what a clone is, what it does to containers, and all that may go wrong.

mod calls;
mod cloning;
mod compose;
mod faults;
mod foreign;
mod hints;
mod life;
mod proxy;
mod restarts;
mod stage;
