//! End to end on real servers: containers of a Docker Engine behind HAProxy, scaled by the built binary on the sessions that a
//! load makes.

mod latency;
mod load;
mod serving;
mod stage;
mod survival;
