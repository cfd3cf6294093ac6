//! The demo: a real web workload under real load, scaled before one's eyes.

pub mod load;
pub mod worker;
