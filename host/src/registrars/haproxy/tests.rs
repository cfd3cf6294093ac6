//! The stories of the Data Plane API. The runtime socket is told of in tests/it/haproxy.rs, by the real one.

mod data_plane;

use super::*;
