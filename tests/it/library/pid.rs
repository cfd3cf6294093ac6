//! A story of `pid`.
