//! What hostile guests and callers do, tried on the real host: a row for each, of what must happen, what happened, how long it
//! took to contain, and by how much the host has grown.

mod deadlines;
mod doors;
mod guest;
mod running;
mod secrets;
mod suite;
pub(crate) mod table;
pub(crate) mod uploads;
