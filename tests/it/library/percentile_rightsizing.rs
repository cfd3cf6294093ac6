//! A story of `percentile-rightsizing`.
