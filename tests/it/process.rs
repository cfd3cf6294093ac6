//! Driver and source `process` with real processes: each story has a state folder and cgroups of its own, and ends all that it
//! began.

mod health;
mod life;
mod limits;
mod loss;
mod rig;
mod surroundings;
mod worker;
