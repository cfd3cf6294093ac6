//! `[policies]`: through which doors policies come in, whose signatures are believed, and how long versions are on probation.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::bounds::WEEK_MS;
use super::complaint::Place;
use super::reader::{Item, Table};
use super::rooms::deserialize;
use crate::registry::{Keep, TRUSTED_KEYS_MAX};
use crate::secret::SecretAt;

/// Registries that may be pulled from.
const REGISTRIES_MAX: usize = 64;
/// Further hosts that one of them may lead to.
const ALSO_MAX: usize = 16;
const HOST_BYTES_MAX: usize = 255;
/// Versions that can be kept unused: all are looked through now and then.
const KEPT_VERSIONS_MAX: u32 = 10_000;
/// Least room: of one policy, or one artefact.
const KEPT_BYTES_MIN: u64 = 64 << 20;

/// Through which doors policies come in, whose signatures are believed, and how long versions are on probation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySettings {
    /// Whether `policies_dir` is watched.
    pub watch: bool,
    /// Whether what is changed there is activated once it was tried.
    pub activate: bool,
    /// Keys of which one must have signed every policy; none: nothing need be signed.
    pub trusted_keys: Vec<KeyAt>,
    /// Whether a pull may name a tag without a digest.
    pub allow_tags: bool,
    /// How long one pull may take in all.
    pub pull_timeout_ms: u64,
    /// Registries that may be pulled from; none: no pulls.
    pub registries: Vec<OciRegistry>,
    /// How long a version that was activated on probation may not fail.
    pub probation_ms: u64,
    /// Whether every activation is on probation that does not say itself.
    pub rollback_on_faults: bool,
    /// How much is kept of what nobody uses.
    pub keep: Keep,
}

/// A public key that is trusted, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAt {
    /// What the operator calls it.
    pub name: String,
    /// In a file, which is read again on reload; or the key itself.
    pub key: Result<PathBuf, String>,
    /// Where it stands.
    pub place: Place,
}

/// An OCI registry that may be pulled from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciRegistry {
    /// Its host, with the port if it has one: as references begin.
    pub host: String,
    /// Whether it is spoken to without encryption.
    pub insecure_http: bool,
    /// Further hosts that it may lead to: for tokens, or for the bytes. `*.` in front stands for any name below.
    pub also: Vec<String>,
    /// As whom; `None`: as nobody.
    pub user: Option<String>,
    /// That user's password or token.
    pub password: Option<SecretAt>,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self {
            watch: false,
            activate: false,
            trusted_keys: Vec::new(),
            allow_tags: false,
            pull_timeout_ms: 60_000,
            registries: Vec::new(),
            probation_ms: 10 * 60 * 1000,
            rollback_on_faults: false,
            keep: Keep::default(),
        }
    }
}

/// Reads `[policies]`; `has_folder`: whether `policies_dir` is set.
pub(super) fn read_policies(item: &Item<'_>, base: &Path, has_folder: bool) -> Option<PolicySettings> {
    let table = item.table()?;
    let mut policies = PolicySettings::default();
    let flag = |key| table.get(key).and_then(|item| item.flag()).unwrap_or(false);
    policies.watch = flag("watch");
    policies.activate = flag("activate");
    policies.allow_tags = flag("allow_tags");
    policies.rollback_on_faults = flag("rollback_on_faults");
    if let Some(probation_ms) = table.get("probation").and_then(|item| item.duration_ms(1000..=WEEK_MS)) {
        policies.probation_ms = probation_ms;
    }
    read_keep(&table, &mut policies.keep);
    if policies.watch && !has_folder {
        table.complain("watch is set, and no folder to watch", "name it: policies_dir = \"policies\"");
    }
    if policies.activate && !policies.watch {
        table.complain("activate is set, and nothing is watched", "set watch = true as well");
    }
    if let Some(timeout_ms) = table.get("pull_timeout").and_then(|item| item.duration_ms(1_000..=600_000)) {
        policies.pull_timeout_ms = timeout_ms;
    }
    let list = |key, most: usize| -> Vec<Item<'_>> {
        let Some(item) = table.get(key) else { return Vec::new() };
        let items = item.items().unwrap_or_default();
        if items.len() > most {
            item.complain(format!("{} are more than {most}", items.len()), "");
        }
        items
    };
    let keys = list("trusted_keys", TRUSTED_KEYS_MAX);
    policies.trusted_keys = keys.iter().filter_map(|item| read_key(item, base)).collect();
    let mut names: Vec<&str> = policies.trusted_keys.iter().map(|key| key.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
        table.complain("two trusted keys have the same name", "the name says who signed a version: give each its own");
    }
    let registries = list("registries", REGISTRIES_MAX);
    policies.registries = registries.iter().filter_map(|item| read_registry(item, base)).collect();
    table.finish();
    Some(policies)
}

fn read_keep(table: &Table<'_>, keep: &mut Keep) {
    if let Some(versions) = table.get("keep_versions").and_then(|item| item.count(1..=KEPT_VERSIONS_MAX)) {
        keep.unused_max = versions as usize;
    }
    for (key, bytes_max) in
        [("keep_size", &mut keep.unused_bytes_max), ("keep_artefacts", &mut keep.artefact_bytes_max)]
    {
        let Some(item) = table.get(key) else { continue };
        if let Some(bytes) = item.memory_bytes() {
            if bytes < KEPT_BYTES_MIN {
                item.complain("is less than 64Mi, which holds hardly one policy", "");
            }
            *bytes_max = bytes;
        }
    }
}

fn read_key(item: &Item<'_>, base: &Path) -> Option<KeyAt> {
    let table = item.table()?;
    let name = table.need("name", "say whose it is: name = \"release\"").and_then(|item| item.line());
    let key = table.need("key", "write key = { file = \"keys/release.pem\" }, or the key itself as text");
    let key = key.and_then(|key| read_place(&key, base));
    table.finish();
    Some(KeyAt { name: name?, key: key?, place: item.place() })
}

fn read_place(item: &Item<'_>, base: &Path) -> Option<Result<PathBuf, String>> {
    if item.keys().is_empty() {
        return item.text().map(Err);
    }
    let table = item.table()?;
    let file = table.need("file", "write key = { file = \"keys/release.pem\" }").and_then(|file| file.line());
    table.finish();
    file.map(|file| Ok(base.join(file)))
}

fn read_registry(item: &Item<'_>, base: &Path) -> Option<OciRegistry> {
    let table = item.table()?;
    let host = table.need("host", "write the host as references begin: host = \"ghcr.io\"");
    let host = host.and_then(|item| read_host(&item, false));
    let insecure_http = table.get("insecure_http").and_then(|item| item.flag()).unwrap_or(false);
    let allow_insecure = table.get("allow_insecure").and_then(|item| item.flag()).unwrap_or(false);
    if let Some(host) = host.as_ref().filter(|host| insecure_http && !allow_insecure && !is_loopback(host)) {
        let what = format!(
            "{host} is not on this machine: whoever is between could put in other bytes, and read the password"
        );
        table.complain(what, "leave out insecure_http, or set allow_insecure = true as well");
    }
    let also = table.get("also").map(|item| {
        let hosts = item.items().unwrap_or_default();
        if hosts.len() > ALSO_MAX {
            item.complain(
                format!("{} hosts are more than {ALSO_MAX}", hosts.len()),
                "use \"*.\" for all names below one",
            );
        }
        hosts.iter().filter_map(|host| read_host(host, true)).collect::<Vec<_>>()
    });
    let user = table.get("user").map(|item| item.line());
    let password = table.get("password").map(|item| deserialize::<SecretAt>(&item));
    if user.is_some() != password.is_some() {
        table.complain("user and password belong together", "give both, or neither");
    }
    table.finish();
    let password = match password {
        None => None,
        Some(read) => Some(match read? {
            SecretAt::File(file) => SecretAt::File(base.join(file)),
            other => other,
        }),
    };
    Some(OciRegistry {
        host: host?,
        insecure_http,
        also: also.unwrap_or_default(),
        user: user.map_or(Some(None), |user| user.map(Some))?,
        password,
    })
}

/// A host, and its port if it has one; with `wild` also all names below one.
fn read_host(item: &Item<'_>, wild: bool) -> Option<String> {
    let text = item.line()?;
    let bare = text.strip_prefix("*.").filter(|_| wild).unwrap_or(&text);
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
    if bare.is_empty() || bare.len() > HOST_BYTES_MAX || !bare.chars().all(fits) {
        let remedy = "write it in lower case, with the port if it has one: \"registry.example.com:5000\"";
        item.complain(format!("{text:?} is not a host"), remedy);
        return None;
    }
    Some(text)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}
