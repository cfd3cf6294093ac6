//! What proxies show of themselves, at the addresses that the operator gives: who is told of a change, and whether it is in force,
//! are two things. Traefik's API shows the servers that it uses, Envoy's admin also what each still has to do.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::try_join_all;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::post::Failure;
use crate::causes::root_cause;

/// Most bytes of one page: 10,000 servers with all that Envoy counts of each.
const PAGE_BYTES_MAX: usize = 32 << 20;

/// Time for one page as a whole.
const PATIENCE: Duration = Duration::from_secs(3);

/// Most proxies that are looked at.
const PROXIES_MAX: usize = 64;

/// One look serves all that ask within so long: fifty instances are registered at once when a load comes.
const FRESH: Duration = Duration::from_millis(50);

/// One server, as a proxy shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Server {
    /// Whether it is given no new requests.
    pub(super) drains: bool,
    /// Its requests under way; 0 where the proxy does not tell.
    pub(super) active: u64,
}

/// All that one proxy shows of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sight {
    /// By address as `host:port`.
    pub(super) servers: BTreeMap<String, Server>,
    /// How many requests were given to any server whatever its health, since the proxy started; `None` where it does not tell.
    pub(super) panics: Option<u64>,
}

/// How the pages of one kind of proxy are read.
pub(super) trait Shows: Debug + Send + Sync {
    /// The pages to look at, from this base on, in this order.
    fn pages(&self, base: &Url) -> Vec<Url>;

    /// What they show; a page is `None` where the proxy knows of no such thing.
    fn sight(&self, pages: &[Option<Vec<u8>>]) -> Result<Sight, String>;
}

/// The proxies that the operator gave addresses of.
#[derive(Debug)]
pub(super) struct Sights {
    bases: Vec<Url>,
    client: Client,
    /// The last look, and when it began.
    last: Mutex<Option<(Instant, Vec<Sight>)>>,
}

/// What is wrong with these addresses.
pub(super) fn complaint(urls: &[String]) -> Option<String> {
    if urls.len() > PROXIES_MAX {
        return Some(format!("names more than {PROXIES_MAX} proxies"));
    }
    urls.iter().find_map(|url| parse(url).err())
}

fn parse(text: &str) -> Result<Url, String> {
    let wrong = || format!("{text:?} is not http://host:port");
    let mut url = Url::parse(text).map_err(|_| wrong())?;
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !bare {
        return Err(wrong());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

impl Sights {
    /// `None` where no address is given.
    pub(super) fn new(urls: &[String]) -> Result<Option<Self>, Failure> {
        if urls.is_empty() {
            return Ok(None);
        }
        let bases: Result<Vec<Url>, String> = urls.iter().map(|url| parse(url)).collect();
        let client = crate::tls::believing(Client::builder(), None)
            .map_err(|error| Failure::Refused(error.to_string()))?
            .no_proxy()
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("trimtab/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::Refused(root_cause(&error)))?;
        Ok(Some(Self { bases: bases.map_err(Failure::Refused)?, client, last: Mutex::default() }))
    }

    /// What all of them show, looked at after this was called, or by somebody a moment before where that will do. An error where
    /// one does not answer: it may be giving work.
    pub(super) async fn look(&self, shows: &dyn Shows, anew: bool) -> Result<Vec<Sight>, Failure> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((began, sights)) = last.as_ref()
            && (*began >= asked || !anew && began.elapsed() < FRESH)
        {
            return Ok(sights.clone());
        }
        let began = Instant::now();
        let sights = try_join_all(self.bases.iter().map(|base| self.look_at(base, shows))).await?;
        *last = Some((began, sights.clone()));
        Ok(sights)
    }

    async fn look_at(&self, base: &Url, shows: &dyn Shows) -> Result<Sight, Failure> {
        let mut pages = Vec::new();
        for url in shows.pages(base) {
            pages.push(self.page(url).await.map_err(|what| Failure::Unreachable(format!("{base}: {what}")))?);
        }
        shows.sight(&pages).map_err(|what| Failure::Refused(format!("{base}: {what}")))
    }

    async fn page(&self, url: Url) -> Result<Option<Vec<u8>>, String> {
        let path = url.path().to_owned();
        let mut answer = self.client.get(url).send().await.map_err(|error| root_cause(&error))?;
        match answer.status().as_u16() {
            200..=299 => {}
            404 => return Ok(None),
            status => return Err(format!("{path} answers {status}")),
        }
        let mut page = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| root_cause(&error))? {
            if page.len() + chunk.len() > PAGE_BYTES_MAX {
                return Err(format!("{path} is larger than {PAGE_BYTES_MAX} bytes"));
            }
            page.extend_from_slice(&chunk);
        }
        Ok(Some(page))
    }
}

/// `host:port`, the same for all ways to write an address.
pub(super) fn address_of(host: &str, port: u16) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        Ok(IpAddr::V4(ip)) => format!("{ip}:{port}"),
        Err(_) => format!("{}:{port}", host.to_ascii_lowercase()),
    }
}

/// The same of an address as it is entered.
pub(super) fn same_of(address: &str) -> String {
    match address.rsplit_once(':') {
        Some((host, port)) => port.parse().map_or_else(|_| address.to_owned(), |port| address_of(host, port)),
        None => address.to_owned(),
    }
}
