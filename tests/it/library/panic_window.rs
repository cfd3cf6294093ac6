//! A story of `panic-window`.
