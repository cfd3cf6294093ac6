//! A story of `alert-scale`.
