//! A story of `cost-aware`.
