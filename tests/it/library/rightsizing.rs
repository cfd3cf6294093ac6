//! A story of `rightsizing`.
