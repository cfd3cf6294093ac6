//! How much is kept of what was uploaded, and what goes first.
//!
//! What is in use is never touched: a version that acts, watches or can be gone back to, one whose code somebody holds, one that is
//! just taken in. Of the others, the oldest of whoever has most goes first, so that who uploads without end drives out his
//! own. Bytes go when no version has them, nobody holds them and no record names them; artefacts go with their bytes, or
//! when they take too much room: they can be made again.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use super::activate::ACTIVE;
use super::active::Active;
use super::builtin::BUILTIN;
use super::error::RegistryError;
use super::load::{Registry, encoding_key, short};
use super::trust::signature_key;
use super::upload::unreadable;
use super::version::Version;
use crate::sandbox::ArtefactFile;
use crate::store::{StoreError, Write};

/// After so many uploads it is looked what goes, whatever the time …
const UPLOADS_UNSEEN_MAX: u64 = 64;
/// … and after so many bytes of them.
const BYTES_UNSEEN_MAX: u64 = 256 << 20;
/// Entries of the store read at once.
const PAGE: usize = 500;

/// How much is kept of what nobody uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Versions that nobody uses.
    pub unused_max: usize,
    /// Their bytes together.
    pub unused_bytes_max: u64,
    /// All artefacts together, but for those of policies that are loaded.
    pub artefact_bytes_max: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { unused_max: 500, unused_bytes_max: 2 << 30, artefact_bytes_max: 4 << 30 }
    }
}

/// What came in since it was last looked what goes.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    uploads: AtomicU64,
    bytes: AtomicU64,
}

impl Unseen {
    pub(super) fn add(&self, bytes: usize) {
        self.uploads.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Registry {
    /// Whether so much came in that it is time to look what goes. Says so once.
    #[must_use]
    pub fn is_room_due(&self) -> bool {
        let unseen = self.unseen();
        if unseen.uploads.load(Ordering::Relaxed) < UPLOADS_UNSEEN_MAX
            && unseen.bytes.load(Ordering::Relaxed) < BYTES_UNSEEN_MAX
        {
            return false;
        }
        unseen.bytes.store(0, Ordering::Relaxed);
        unseen.uploads.swap(0, Ordering::Relaxed) > 0
    }

    /// Forgets versions that nobody uses, where there are more than are kept; how many. Their bytes stay until
    /// [`Self::forget_bytes`].
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn forget_surplus(&self, keep: &Keep) -> Result<usize, RegistryError> {
        let named = self.named_digests().await?;
        let mut unused = Vec::new();
        for version in self.kept_versions().await? {
            let digest = &version.digest;
            if version.is_tried()
                && !named.contains(digest)
                && !self.uploads().is_in_progress(digest)
                && !self.is_loaded(digest).await
            {
                unused.push(version);
            }
        }
        let surplus = surplus(unused, keep);
        let mut writes = Vec::new();
        for version in &surplus {
            let Version { name, version, digest, uploaded_by, .. } = version;
            tracing::info!(policy = name, version, digest, uploaded_by, "a version that nobody uses is forgotten");
            writes.push(Write::Delete { key: Version::key(digest) });
        }
        self.store().write(writes).await.map_err(failed("versions"))?;
        Ok(surplus.len())
    }

    /// Forgets the bytes of these digests, which no record names, unless a version has them or somebody holds them; how many.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn forget_bytes(&self, unnamed: &[String]) -> Result<usize, RegistryError> {
        let named = self.named_digests().await?;
        let mut forgotten = 0;
        for digest in unnamed.iter().filter(|digest| !named.contains(*digest)) {
            // Held while it is looked and dropped: who loads the same bytes meanwhile keeps them again after that.
            let mut kept = self.kept().lock().await;
            if self.uploads().is_in_progress(digest) || self.is_loaded(digest).await {
                continue;
            }
            if self.kept_version(digest).await?.is_some_and(|version| version.is_tried()) {
                continue;
            }
            self.store().delete_blob(digest).await.map_err(failed(digest))?;
            let keys = [encoding_key(digest), signature_key(digest)];
            let writes = keys.into_iter().map(|key| Write::Delete { key }).collect();
            self.store().write(writes).await.map_err(failed(digest))?;
            kept.retain(|key| !key.is_of(digest));
            forgotten += 1;
        }
        Ok(forgotten)
    }

    /// Forgets artefacts whose bytes are gone, those of another build that were made again by this one, and the oldest where
    /// all take more room than they may; how many.
    ///
    /// # Errors
    /// Where the store failed, or the folder cannot be read.
    pub async fn forget_artefacts(&self, keep: &Keep) -> Result<usize, RegistryError> {
        let Some(cache) = self.cache() else { return Ok(0) };
        let broken = |source| RegistryError::Component { name: "artefacts".to_owned(), source };
        let mut sources = self.kept_digests().await?;
        sources.extend(BUILTIN.iter().map(|policy| policy.sha256.to_owned()));
        let files = cache.files().await.map_err(broken)?;
        let mut loaded = HashSet::new();
        for file in &files {
            let digest = file.digest();
            if self.uploads().is_in_progress(digest) || self.is_loaded(digest).await {
                loaded.insert(digest.to_owned());
            }
        }
        let goes = needless(files, &sources, &loaded, self.engine_hash(), keep.artefact_bytes_max);
        for file in &goes {
            cache.remove(&file.key, self.index()).await.map_err(broken)?;
        }
        cache.forget_lost(self.index()).await.map_err(broken)?;
        Ok(goes.len())
    }

    /// Digests that act, watch, or can be gone back to, under any name.
    async fn named_digests(&self) -> Result<BTreeSet<String>, RegistryError> {
        let mut named = BTreeSet::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store().list(ACTIVE, after.as_deref(), PAGE).await.map_err(failed("versions"))?;
            for (key, kept) in &page {
                let active: Active = serde_json::from_slice(&kept.value).map_err(|error| unreadable(key, &error))?;
                named.extend(active.digests().map(str::to_owned));
            }
            match page.into_iter().last() {
                Some((key, _)) => after = Some(key),
                None => return Ok(named),
            }
        }
    }

    async fn kept_digests(&self) -> Result<HashSet<String>, RegistryError> {
        let mut digests = HashSet::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.store().blobs(after.as_deref(), PAGE).await.map_err(failed("policies"))?;
            after = page.last().cloned();
            if after.is_none() {
                return Ok(digests);
            }
            digests.extend(page);
        }
    }
}

fn failed(name: &str) -> impl FnOnce(StoreError) -> RegistryError {
    let name = short(name);
    |source| RegistryError::Store { name, source }
}

/// Those that go: the oldest of whoever has most versions (or bytes, where it is these that are too many), one by one.
fn surplus(mut unused: Vec<Version>, keep: &Keep) -> Vec<Version> {
    unused.sort_by(|a, b| (a.uploaded_ms, &a.digest).cmp(&(b.uploaded_ms, &b.digest)));
    let (mut count, mut bytes) = (unused.len(), unused.iter().map(|version| version.bytes).sum::<u64>());
    // With what each has in bytes; the oldest first.
    let mut owners: BTreeMap<String, (u64, VecDeque<Version>)> = BTreeMap::new();
    for version in unused {
        let (owned, versions) = owners.entry(version.uploaded_by.clone()).or_default();
        *owned += version.bytes;
        versions.push_back(version);
    }
    let mut goes = Vec::new();
    while count > keep.unused_max || bytes > keep.unused_bytes_max {
        let by_count = count > keep.unused_max;
        let most = owners.values_mut().max_by_key(|(owned, versions)| {
            if by_count { (versions.len() as u64, *owned) } else { (*owned, versions.len() as u64) }
        });
        let Some((owned, versions)) = most else { break };
        let Some(version) = versions.pop_front() else { break };
        *owned -= version.bytes;
        count -= 1;
        bytes -= version.bytes;
        goes.push(version);
    }
    goes
}

/// The artefacts that go.
fn needless(
    mut files: Vec<ArtefactFile>,
    sources: &HashSet<String>,
    loaded: &HashSet<String>,
    engine_hash: &str,
    bytes_max: u64,
) -> Vec<ArtefactFile> {
    let own: HashSet<String> =
        files.iter().filter(|file| file.engine_hash() == engine_hash).map(|file| file.source().to_owned()).collect();
    let (mut goes, mut rest) = (Vec::new(), Vec::new());
    // The newest first, for what is too much is the oldest.
    files.sort_by_key(|file| std::cmp::Reverse(file.modified));
    for file in files {
        let replaced = file.engine_hash() != engine_hash && own.contains(file.source());
        let orphan = !sources.contains(file.digest());
        match loaded.contains(file.digest()) {
            true => {}
            false if replaced || orphan => goes.push(file),
            false => rest.push(file),
        }
    }
    let mut room = bytes_max;
    for file in rest {
        match room.checked_sub(file.bytes) {
            Some(left) => room = left,
            None => {
                room = 0;
                goes.push(file);
            }
        }
    }
    goes
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::registry::upload::received;
    use crate::registry::{PushMeta, VersionState};

    fn version(by: &str, at_ms: u64, bytes: usize) -> Version {
        let meta = PushMeta { by: by.to_owned(), at_ms, ..PushMeta::default() };
        let version = received(&format!("{by}{at_ms}"), &vec![0; bytes], &meta);
        Version { state: VersionState::Tried, ..version }
    }

    fn digests(goes: Vec<Version>) -> Vec<String> {
        goes.into_iter().map(|version| version.digest).collect()
    }

    #[test]
    fn who_uploads_without_end_drives_out_his_own() {
        let mut unused: Vec<Version> = (0..6).map(|at_ms| version("flood", 10 + at_ms, 1)).collect();
        unused.extend([version("ada", 1, 1), version("ada", 2, 1)]);
        let keep = Keep { unused_max: 4, ..Keep::default() };
        assert_eq!(digests(surplus(unused.clone(), &keep)), ["flood10", "flood11", "flood12", "flood13"]);
        assert_eq!(surplus(unused.clone(), &Keep { unused_max: 8, ..keep }), []);
        unused.push(version("bob", 0, 100));
        let keep = Keep { unused_max: 100, unused_bytes_max: 50, ..keep };
        assert_eq!(digests(surplus(unused, &keep)), ["bob0"], "his are the bytes");
    }

    #[test]
    fn artefacts_go_with_their_bytes_and_by_age() {
        let file = |digest: char, engine: &str, age: u64, bytes| ArtefactFile {
            key: format!("{}-own-{engine}", digest.to_string().repeat(64)),
            bytes,
            modified: UNIX_EPOCH + Duration::from_secs(1_000 - age),
        };
        let names = |all: &str| -> HashSet<String> { all.chars().map(|one| one.to_string().repeat(64)).collect() };
        let files = vec![
            file('a', "now", 1, 10),
            file('a', "before", 2, 10),
            file('b', "before", 3, 10),
            file('c', "now", 4, 10),
            file('d', "now", 5, 10),
            file('e', "now", 6, 10),
        ];
        let gone = |bytes_max| -> Vec<String> {
            let goes = needless(files.clone(), &names("abde"), &names("e"), "now", bytes_max);
            goes.into_iter().map(|file| format!("{}{}", &file.key[..1], file.engine_hash())).collect()
        };
        assert_eq!(gone(100), ["abefore", "cnow"], "one was made again, of the other the bytes are gone");
        assert_eq!(gone(20), ["abefore", "cnow", "dnow"], "the oldest that nobody has loaded");
    }
}
