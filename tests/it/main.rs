//! Trimtab against real servers and as a real process, in one binary.

mod prometheus;
