//! A fuzzer's way to what reads Envoy's pages and questions; listed in `crate::fuzzing`.

use super::Cluster;
use crate::registrars::listener::Answers as _;
use crate::registrars::sight::Shows as _;

/// The first line is the admin's `/clusters`, the second its `/stats`.
pub(crate) fn admin(input: &[u8]) -> Result<(), String> {
    let mut pages: Vec<_> = input.splitn(2, |byte| *byte == b'\n').map(|page| Some(page.to_vec())).collect();
    pages.resize(2, None);
    cluster().sight(&pages).map(drop)
}

/// What an Envoy sends that asks for endpoints.
pub(crate) fn discovery(input: &[u8]) -> Result<(), String> {
    cluster().read(input);
    Ok(())
}

fn cluster() -> Cluster {
    Cluster { name: "web".to_owned(), marks: true }
}
