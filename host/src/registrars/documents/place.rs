//! Where a document goes, as the configuration says it, and how long things may take there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::secret::SecretAt;

/// Where a document goes.
#[derive(Debug, Clone)]
pub(in crate::registrars) enum Place {
    Listen(SocketAddr, Option<SecretAt>),
    File(PathBuf),
}

/// The keys that say where a document goes and who may have it.
#[derive(Debug, Clone, Copy)]
pub(in crate::registrars) struct PlaceKeys<'a> {
    pub(in crate::registrars) listen: Option<SocketAddr>,
    pub(in crate::registrars) token: Option<&'a SecretAt>,
    pub(in crate::registrars) allow_insecure: bool,
    pub(in crate::registrars) file: Option<&'a Path>,
}

/// One of `listen` and `file`.
pub(in crate::registrars) fn place(keys: PlaceKeys<'_>) -> Result<Place, String> {
    match (keys.listen, keys.file) {
        (Some(listen), None) => {
            if listen.ip().to_canonical().is_loopback() || keys.token.is_some() || keys.allow_insecure {
                return Ok(Place::Listen(listen, keys.token.cloned()));
            }
            Err(format!(
                "listen: {listen} can be reached by others, who would be told of every instance; set `token`, or listen on \
                 127.0.0.1, or set allow_insecure = true"
            ))
        }
        (None, Some(_)) if keys.token.is_some() => Err("token: is for `listen`; nobody asks for a file".to_owned()),
        (None, Some(file)) if file.extension().is_some_and(|end| end == "yml" || end == "yaml") => {
            Ok(Place::File(file.to_owned()))
        }
        (None, Some(_)) => {
            Err("file: does not end in .yml or .yaml, by which the proxy knows what is in it".to_owned())
        }
        (Some(_), Some(_)) => Err("listen: stands beside `file`; it is one or the other".to_owned()),
        (None, None) => Err("neither `listen` nor `file` is given".to_owned()),
    }
}

/// Time for requests under way, longer than Traefik takes to make a change its own.
pub(in crate::registrars) fn default_drain_ms() -> u64 {
    10_000
}

/// Time for a change to be shown by all proxies: Traefik looks every 5 s and takes changes every 2 s.
pub(in crate::registrars) fn default_timeout_ms() -> u64 {
    15_000
}
