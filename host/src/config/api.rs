//! `[api]`: how the host is spoken to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::reader::{Item, Table};
use crate::tls::{ClientCerts, TlsSettings};

/// How the host is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Whether it is at all.
    pub enabled: bool,
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The files of TLS; without them nothing is encrypted.
    pub tls: Option<TlsSettings>,
    /// Most bytes of a request's body.
    pub body_bytes_max: usize,
    /// How long a body may take to arrive.
    pub body_timeout_ms: u64,
    /// How long a request may take in all.
    pub request_timeout_ms: u64,
    /// Connections that are open at once.
    pub connections_max: usize,
    /// Requests per second of one token, on average.
    pub rate_per_second: u32,
    /// Requests of one token that may come at once.
    pub burst: u32,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9470),
            tls: None,
            body_bytes_max: 1024 * 1024,
            body_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            connections_max: 1024,
            rate_per_second: 1000,
            burst: 2000,
        }
    }
}

/// Reads `[api]`; relative paths start from `base`.
pub(super) fn read_api(item: &Item<'_>, base: &Path) -> Option<ApiSettings> {
    let table = item.table()?;
    let mut api = ApiSettings::default();
    let allow_insecure = table.get("allow_insecure").and_then(|item| item.flag()).unwrap_or(false);
    if let Some(enabled) = table.get("enabled").and_then(|item| item.flag()) {
        api.enabled = enabled;
    }
    let encrypts = table.get("tls");
    api.tls = encrypts.as_ref().and_then(|item| read_tls(item.table()?, base));
    if let Some(item) = table.get("listen")
        && let Some(listen) = read_address(&item)
    {
        if !listen.ip().to_canonical().is_loopback() && !allow_insecure && encrypts.is_none() {
            let remedy =
                "write [api.tls], or listen on 127.0.0.1 behind a proxy that encrypts, or set allow_insecure = true";
            item.complain(format!("{listen} can be reached by others, and tokens would cross in the clear"), remedy);
        }
        api.listen = listen;
    }
    if let Some(item) = table.get("body_max")
        && let Some(bytes) = item.memory_bytes()
    {
        match usize::try_from(bytes) {
            Ok(bytes @ 1024..=67_108_864) => api.body_bytes_max = bytes,
            _ => item.complain(format!("{bytes} bytes are not within 1Ki to 64Mi"), ""),
        }
    }
    let time = |key| table.get(key).and_then(|item| item.duration_ms(100..=600_000));
    api.body_timeout_ms = time("body_timeout").unwrap_or(api.body_timeout_ms);
    api.request_timeout_ms = time("request_timeout").unwrap_or(api.request_timeout_ms);
    let count = |key| table.get(key).and_then(|item| item.count(1..=1_000_000));
    api.connections_max = count("connections_max").and_then(|n| usize::try_from(n).ok()).unwrap_or(api.connections_max);
    api.rate_per_second = count("rate").unwrap_or(api.rate_per_second);
    api.burst = count("burst").unwrap_or(api.burst);
    table.finish();
    Some(api)
}

/// `[api.tls]`. Whether the files are any good is looked at by `trimtab check` and when the host starts.
fn read_tls(table: Table<'_>, base: &Path) -> Option<TlsSettings> {
    const CLIENTS: [(&str, ClientCerts); 3] =
        [("off", ClientCerts::Off), ("optional", ClientCerts::Optional), ("required", ClientCerts::Required)];
    let file = |item: Item<'_>| item.line().map(|file| base.join(file));
    let cert = table.need("cert", "name the server's certificate, a PEM file").and_then(file);
    let key = table.need("key", "name the key of the certificate, a PEM file").and_then(file);
    let client_ca = table.get("client_ca").and_then(file);
    let asked = table.get("client_certs");
    let client_certs = asked.as_ref().and_then(|item| item.word(&CLIENTS)).unwrap_or_default();
    match (client_certs, &client_ca) {
        (ClientCerts::Off, None) | (ClientCerts::Optional | ClientCerts::Required, Some(_)) => {}
        (ClientCerts::Optional | ClientCerts::Required, None) => {
            let remedy = "name who does with client_ca";
            asked.iter().for_each(|item| item.complain("nobody vouches for clients", remedy));
        }
        (ClientCerts::Off, Some(_)) => {
            let what = "client_ca is named, and no client is asked for a certificate";
            table.warn(what, "set client_certs to \"optional\" or \"required\"");
        }
    }
    table.finish();
    Some(TlsSettings { cert: cert?, key: key?, client_ca, client_certs })
}

/// An address with its port. Names are not looked up: which of their addresses would be meant?
fn read_address(item: &Item<'_>) -> Option<SocketAddr> {
    let text = item.line()?;
    let read = text.parse().ok();
    if read.is_none() {
        item.complain(format!("{text:?} is not an address with a port"), "write \"127.0.0.1:9470\" or \"[::1]:9470\"");
    }
    read
}
