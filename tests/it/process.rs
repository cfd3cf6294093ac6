//! Driver and source `process` with real processes: each story has a state folder and cgroups of its own, and ends all that it
//! began.

// Marked as tests, so that clippy lets the functions that stories share unwrap as the stories do.
#[cfg(test)]
mod health;
#[cfg(test)]
mod life;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod surroundings;
#[cfg(test)]
mod worker;
