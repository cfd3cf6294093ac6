//! A story of `availability`.
