//! A story of `predictive`.
