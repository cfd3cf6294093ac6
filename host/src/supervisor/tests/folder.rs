//! The watched folder over a host that runs: what is written into it is what runs.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::stage::{CONFIG, Stage, TRACKING, tracking};
use crate::policy::probe::Probe;
use crate::registry::{Keyring, PrivateKey, TrustedKey, Version, VersionState};
use crate::supervisor::folder::Folder;

struct Watched {
    stage: Stage,
    folder: tempfile::TempDir,
    shutdown: CancellationToken,
}

impl Watched {
    /// Over a folder that holds these files already.
    async fn over(folder: tempfile::TempDir, stage: Stage, activate: bool) -> Self {
        let shutdown = CancellationToken::new();
        let watching = Folder::new(stage.steering.clone(), folder.path().to_owned(), activate);
        let ended = shutdown.clone();
        tokio::spawn(async move { ended.run_until_cancelled(watching.run()).await });
        Self { stage, folder, shutdown }
    }

    async fn new() -> Self {
        Self::over(tempfile::tempdir().unwrap(), Stage::set(CONFIG).await, true).await
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    /// The digest that is active, once it is another than this one.
    async fn active_after(&self, before: Option<&str>) -> String {
        until("another version is active", async || {
            let active = self.stage.steering.registry().active(TRACKING).await.unwrap()?.default?;
            (Some(active.as_str()) != before).then_some(active)
        })
        .await
    }

    async fn rejected(&self) -> Version {
        until("a rejected version", async || {
            let versions = self.stage.steering.registry().versions(None).await.unwrap();
            versions.into_iter().find(|version| version.state == VersionState::Rejected)
        })
        .await
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn until<T>(what: &str, found: impl AsyncFn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "no sign of it: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_built_into_the_folder_runs_and_what_is_broken_does_not() {
    let watched = Watched::new().await;
    watched.write("mine.wasm", &tracking(1));
    let first = watched.active_after(None).await;
    assert_eq!(first, digest_of(&tracking(1)));
    watched.stage.turn().await;
    assert_eq!(watched.stage.last_digests().await, *std::slice::from_ref(&first));
    let version = watched.stage.steering.registry().version(&first).await.unwrap().unwrap();
    assert_eq!((version.uploaded_by.as_str(), version.state), ("folder", VersionState::Active));

    watched.write("mine.wasm", b"PK\x03\x04 half a build");
    assert_eq!(watched.rejected().await.rejected.unwrap().code, "archive");
    watched.stage.turn().await;
    assert_eq!(watched.stage.last_digests().await, *std::slice::from_ref(&first), "the version before keeps running");

    // Moved into place, as careful builders do; and gone again, which changes nothing.
    watched.write(".mine.tmp", &tracking(2));
    std::fs::rename(watched.folder.path().join(".mine.tmp"), watched.folder.path().join("mine.wasm")).unwrap();
    let second = watched.active_after(Some(&first)).await;
    assert_eq!(second, digest_of(&tracking(2)));
    std::fs::remove_file(watched.folder.path().join("mine.wasm")).unwrap();
    // Back to bytes that are known: they were changed, so they run.
    watched.write("mine.wasm", &tracking(1));
    assert_eq!(watched.active_after(Some(&second)).await, first);
    until("two uploads and three activations are in the log of changes", async || {
        (watched.stage.changes_by("\"who\":\"folder\"").await == 5).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_activates_what_is_new_and_not_what_an_operator_has_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(CONFIG).await;
    let (old, new) = (tracking(1), tracking(2));
    for bytes in [&old, &new] {
        stage.push(bytes).await;
    }
    stage.steering.activate(TRACKING, &digest_of(&new), None, "ada").await.unwrap();
    std::fs::write(folder.path().join("old.wasm"), &old).unwrap();
    let watched = Watched::over(folder, stage, true).await;
    watched.write("other.wasm", &tracking(3));
    assert_eq!(watched.active_after(Some(&digest_of(&new))).await, digest_of(&tracking(3)));
    let active = watched.stage.steering.registry().active(TRACKING).await.unwrap().unwrap();
    assert_eq!(active.previous.len(), 2, "old.wasm was never activated: {active:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_is_taken_too_and_what_leads_out_of_the_folder_is_not() {
    let watched = Watched::new().await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.wasm"), tracking(1)).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.wasm"), watched.folder.path().join("link.wasm")).unwrap();
    std::fs::create_dir(watched.folder.path().join("folder.wasm")).unwrap();
    let further = r#"(@custom "trimtab:string-encoding" "utf8")"#.to_owned();
    watched.write("probe.wat", Probe { further, ..Probe::default() }.wat().as_bytes());
    let probe = until("the probe", async || {
        watched.stage.steering.registry().versions(Some("probe")).await.unwrap().into_iter().next()
    })
    .await;
    assert_eq!(probe.uploaded_by, "folder");
    assert_eq!(watched.stage.steering.registry().versions(Some(TRACKING)).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_keys_are_trusted_the_signature_beside_the_file_opens_the_door() {
    let watched = Watched::new().await;
    let key = PrivateKey::generate().unwrap();
    let trusted = TrustedKey::read("release", &key.public_pem().unwrap()).unwrap();
    watched.stage.steering.registry().trust(Keyring::new(vec![trusted]));
    watched.write("mine.wasm", &tracking(1));
    assert_eq!(watched.rejected().await.rejected.unwrap().code, "unsigned");
    // The signature alone is a change, too.
    watched.write("mine.wasm.sig", key.sign(&tracking(1)).text().as_bytes());
    assert_eq!(watched.active_after(None).await, digest_of(&tracking(1)));
    let version = watched.stage.steering.registry().version(&digest_of(&tracking(1))).await.unwrap().unwrap();
    assert_eq!(version.signed_by.as_deref(), Some("release"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_that_names_the_file_takes_up_its_change_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.wasm");
    std::fs::write(&file, tracking(1)).unwrap();
    let config = CONFIG.replace("use = \"target-tracking\"", &format!("use = \"{}\"", file.display()));
    let watched = Watched::over(folder, Stage::set(&config).await, false).await;
    watched.write("mine.wasm", &tracking(2));
    let steering = &watched.stage.steering;
    until("the change", async || {
        (steering.bindings()[0].slots[0].policy.digest() == digest_of(&tracking(2))).then_some(())
    })
    .await;
    assert_eq!(steering.registry().active(TRACKING).await.unwrap(), None, "for its name nothing was activated");
    // What a binding would not take changes nothing.
    watched.write("mine.wasm", &super::stage::without_parameters());
    until("its version", async || {
        steering
            .registry()
            .version(&digest_of(&super::stage::without_parameters()))
            .await
            .unwrap()
            .filter(Version::is_tried)
    })
    .await;
    assert_eq!(steering.bindings()[0].slots[0].policy.digest(), digest_of(&tracking(2)));
}
