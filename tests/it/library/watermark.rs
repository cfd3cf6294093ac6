//! A story of `watermark`.
