//! A story of `schedule`.
