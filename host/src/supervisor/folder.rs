//! The watched folder: what is built into it goes through the registry's door like any upload, and is activated where the
//! operator wants that: edit, build, and it runs.
//!
//! The system's notices make it quick; a look every two seconds makes it true also where there are none (another machine's
//! disk, a folder that was put in place of another). Nothing here stops the host: what goes wrong is said, and looked at again.

mod scan;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::scan::{Scan, Source};
use self::settle::{Settling, Stamp};
use super::reload::wanted;
use super::steering::Steering;
use crate::access::{Change, Identity, Permission};
use crate::causes::with_causes;
use crate::config::Config;
use crate::registry::{PushMeta, Version};

/// Who brings these policies in.
const WHO: &str = "folder";
/// How often is looked where no notice comes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Notices that wait; of more the next look finds what they told of.
const NOTICES_MAX: usize = 256;

/// A folder whose policies are taken in.
#[derive(Debug)]
pub(super) struct Folder {
    steering: Steering,
    path: PathBuf,
    /// Whether what was changed is activated once it was tried.
    activate: bool,
    settling: Settling,
    /// What was last said about the folder itself, so that it is not said every two seconds.
    said: Option<String>,
    /// What was there at the first look: nobody has changed it just now.
    found_first: Option<BTreeMap<PathBuf, Stamp>>,
}

/// Watches the folder of this configuration, if it wants that, until `shutdown`.
pub(super) fn watch(steering: &Steering, config: &Config, shutdown: CancellationToken) -> Option<JoinHandle<()>> {
    let path = config.policies_dir.clone().filter(|_| config.policies.watch)?;
    let folder = Folder::new(steering.clone(), path, config.policies.activate);
    Some(tokio::spawn(async move {
        // In a task of its own, so that a panic is told of, and is all there is.
        let watching = async move { shutdown.run_until_cancelled(folder.run()).await };
        let watching = AbortOnDropHandle::new(tokio::spawn(watching));
        if let Err(error) = watching.await {
            tracing::error!(%error, "the watch of the policies' folder broke down; restart the host to have it again");
        }
    }))
}

impl Folder {
    pub(super) fn new(steering: Steering, path: PathBuf, activate: bool) -> Self {
        Self { steering, path, activate, settling: Settling::default(), said: None, found_first: None }
    }

    pub(super) async fn run(mut self) {
        let (sender, mut notices) = mpsc::channel(NOTICES_MAX);
        let _watcher = notices_of(&self.path, sender);
        tracing::info!(folder = %self.path.display(), activate = self.activate, "the policies' folder is watched");
        let (began, mut finished) = (Instant::now(), BTreeSet::new());
        loop {
            let now_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let again_ms = self.look(now_ms, &finished).await;
            let wait = again_ms.map_or(LOOK_EVERY, |ms| Duration::from_millis(ms).min(LOOK_EVERY));
            finished.clear();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                Some(notice) = notices.recv() => {
                    finished.extend(finished_in(notice));
                    while let Ok(notice) = notices.try_recv() {
                        finished.extend(finished_in(notice));
                    }
                }
            }
        }
    }

    /// Looks once, and takes in what has settled. Returns after how long something else will have.
    async fn look(&mut self, now_ms: u64, finished: &BTreeSet<PathBuf>) -> Option<u64> {
        let path = self.path.clone();
        let scan = tokio::task::spawn_blocking(move || scan::scan(&path)).await;
        let Scan { files, troubles } = match scan {
            Ok(Ok(scan)) => scan,
            Ok(Err(error)) => {
                self.say(Some(format!("the policies' folder cannot be read: {error}")));
                return None;
            }
            Err(_ending) => return None,
        };
        self.say((!troubles.is_empty()).then(|| troubles.join("; ")));
        let found_first = self.found_first.get_or_insert_with(|| files.clone()).clone();
        let (settled, again_ms) = self.settling.look(now_ms, &files, finished);
        for (file, stamp) in settled {
            let changed = found_first.get(&file) != Some(&stamp);
            if self.take_in(&file, changed).await {
                self.settling.done(&file, stamp);
            }
        }
        again_ms
    }

    /// Takes in one file, which was changed just now or was there from the start. Returns whether that is settled, for good or
    /// ill.
    async fn take_in(&self, file: &Path, changed: bool) -> bool {
        let shown = file.display().to_string();
        let (path, bytes_max) = (file.to_owned(), self.steering.registry().bytes_max());
        let Ok(read) = tokio::task::spawn_blocking(move || scan::read(&path, bytes_max)).await else { return false };
        let Source { bytes, signature } = match read {
            Ok(read) => read,
            Err(what) => {
                self.refused(&shown, &what, "");
                return true;
            }
        };
        let digest = hex::encode(Sha256::digest(&bytes));
        let known = matches!(self.steering.registry().version(&digest).await, Ok(Some(_)));
        let at_ms = self.steering.clock().now_ms();
        let meta = PushMeta { by: WHO.to_owned(), at_ms, signature, ..PushMeta::default() };
        let version = match self.steering.push(&bytes, &meta).await {
            Ok(version) => version,
            Err(error) => {
                // The host's trouble, not the file's.
                tracing::warn!(file = shown, error = with_causes(&error), "a policy is not taken in yet");
                return false;
            }
        };
        if let Some(rejection) = &version.rejected {
            self.refused(&shown, &format!("{} ({})", rejection.text, rejection.code), &rejection.remedy);
            return true;
        }
        tracing::info!(file = shown, policy = version.name, digest, "taken in from the folder");
        if !known {
            let object = format!("version {digest}");
            let change = Change::new(at_ms, &Identity::host(), Permission::PolicyUpload, object);
            let change = Change { who: WHO.to_owned(), ..change }.to(&json!({ "bytes": bytes.len(), "file": shown }));
            self.logged(self.steering.store().write(vec![change.write()]).await);
        }
        // What an operator has activated since outlives a restart: only what is new to this host is activated then.
        if self.activate && (changed || !known) {
            self.activate(&shown, &version).await;
        }
        if self.is_used(file).await
            && let Err(error) = self.steering.rebind().await
        {
            self.refused(&shown, &with_causes(&error), "what runs stays as it is");
        }
        true
    }

    async fn activate(&self, shown: &str, version: &Version) {
        let before = self.steering.registry().active(&version.name).await.ok().flatten();
        if before.as_ref().is_some_and(|active| active.default.as_deref() == Some(version.digest.as_str())) {
            return;
        }
        match self.steering.activate(&version.name, &version.digest, None, WHO).await {
            Ok(after) => {
                self.logged(self.steering.keep_change(&version.name, WHO, before.as_ref(), &after).await);
            }
            Err(error) => {
                let what = format!("it is not activated: {}", with_causes(&error));
                self.refused(shown, &what, "what runs stays as it is");
            }
        }
    }

    /// It is done all the same; what is missing is the line in the log of changes.
    fn logged<T>(&self, kept: Result<T, impl std::error::Error + 'static>) {
        if let Err(error) = kept {
            let (folder, error) = (self.path.display(), with_causes(&error));
            tracing::error!(%folder, error, "what was taken in is not in the log of changes");
        }
    }

    /// Whether a binding names this very file.
    async fn is_used(&self, file: &Path) -> bool {
        let in_force = self.steering.in_force().lock().await;
        let uses =
            wanted(&in_force.config, &in_force.own, &in_force.rows).into_iter().flat_map(|binding| &binding.policies);
        let named: BTreeSet<PathBuf> =
            uses.filter_map(|used| self.steering.registry().file_named(&used.uses)).collect();
        drop(in_force);
        let Ok(file) = file.canonicalize() else { return false };
        named.iter().any(|named| named.canonicalize().is_ok_and(|named| named == file))
    }

    /// Says loudly that a file is not taken, and that nothing else has changed.
    fn refused(&self, shown: &str, what: &str, remedy: &str) {
        tracing::error!(file = shown, remedy, "a policy of the folder is refused, what runs stays as it is: {what}");
        self.steering.tell(format!("{shown} is refused: {what}; what runs stays as it is"));
    }

    fn say(&mut self, what: Option<String>) {
        if let Some(what) = what.as_ref().filter(|what| self.said.as_ref() != Some(*what)) {
            tracing::warn!(folder = %self.path.display(), "{what}");
        }
        self.said = what;
    }
}

/// Has the system tell of changes; where it does not, looking must do.
fn notices_of(path: &Path, sender: mpsc::Sender<notify::Event>) -> Option<RecommendedWatcher> {
    let watcher = notify::recommended_watcher(move |notice: notify::Result<notify::Event>| {
        if let Ok(notice) = notice {
            // Where there is no room, the next look finds it.
            let _ = sender.try_send(notice);
        }
    });
    let watched = watcher.and_then(|mut watcher| {
        watcher.watch(path, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    watched
        .inspect_err(|error| {
            let folder = path.display();
            tracing::warn!(%folder, %error, "the system does not tell of changes; the folder is looked at every 2 s");
        })
        .ok()
}

/// Files that this notice says are whole: closed by their writer, or moved into place.
fn finished_in(notice: notify::Event) -> Vec<PathBuf> {
    match notice.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => notice.paths,
        EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both)) => {
            notice.paths.into_iter().last().into_iter().collect()
        }
        _ => Vec::new(),
    }
}
