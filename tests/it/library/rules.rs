//! A story of `rules`.
