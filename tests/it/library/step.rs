//! A story of `step`.
