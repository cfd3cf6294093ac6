//! A story of `queue-depth`.
