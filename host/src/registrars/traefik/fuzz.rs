//! A fuzzer's way to what reads Traefik's API; listed in `crate::fuzzing`.

use super::Service;
use crate::registrars::sight::Shows as _;

/// A service, as the API shows it.
pub(crate) fn service(input: &[u8]) -> Result<(), String> {
    let service = Service { name: "web".to_owned(), provider: "http", scheme: "http" };
    service.sight(&[Some(input.to_vec())]).map(drop)
}
