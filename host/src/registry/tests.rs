//! From what an operator writes to a policy.

use std::sync::Arc;

use tempfile::TempDir;

use super::{Registry, RegistryError, RegistryParts};
use crate::policy::Tier;
use crate::policy::probe::{Probe, sandbox};
use crate::sandbox::{ArtefactCache, Compiler, StringEncoding};
use crate::store::{MemoryStore, Store};

struct Home {
    folder: TempDir,
    store: Arc<dyn Store>,
    registry: Registry,
}

impl Home {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let registry = Registry::new(RegistryParts {
            sandbox: sandbox(),
            compiler: Compiler::in_process(),
            cache: Some(ArtefactCache::open(folder.path()).unwrap()),
            store: Arc::clone(&store),
            policies_dir: folder.path().to_owned(),
        });
        Self { folder, store, registry }
    }
}

/// A probe that says itself how it holds its texts, as a file must.
fn file() -> Vec<u8> {
    let further = r#"(@custom "trimtab:string-encoding" "utf8")"#.to_owned();
    Probe { further, ..Probe::default() }.module()
}

#[tokio::test]
async fn a_file_is_found_beside_the_config_and_kept_by_digest() {
    let home = Home::new();
    std::fs::write(home.folder.path().join("mine.wasm"), file()).unwrap();
    let policy = home.registry.resolve("./mine.wasm", None).await.unwrap();
    assert_eq!(policy.manifest().name, "probe");
    let same = home.registry.resolve("mine.wasm", None).await.unwrap();
    assert!(Arc::ptr_eq(&policy, &same));
    let by_digest = home.registry.resolve(&format!("sha256:{}", policy.digest()), None).await.unwrap();
    assert!(Arc::ptr_eq(&policy, &by_digest));
    let roomier = home.registry.resolve("mine.wasm", Some(Tier::Interpreted)).await.unwrap();
    assert!(!Arc::ptr_eq(&policy, &roomier), "other limits make another policy of it");
}

#[tokio::test]
async fn the_encoding_stated_at_upload_is_kept_with_the_bytes() {
    let home = Home::new();
    let bytes = Probe::default().module();
    home.registry.load("probe", &bytes, None, None).await.unwrap_err();
    let digest = {
        let policy = home.registry.load("probe", &bytes, None, Some(StringEncoding::Utf8)).await.unwrap();
        policy.digest().to_owned()
    };
    home.registry.by_digest(&digest, None).await.unwrap();
}

#[tokio::test]
async fn what_does_not_load_is_not_kept() {
    let home = Home::new();
    let broken = Probe { describe: "unreachable".to_owned(), ..Probe::default() }.module();
    let error = home.registry.load("broken", &broken, None, Some(StringEncoding::Utf8)).await.unwrap_err();
    assert!(matches!(error, RegistryError::Policy { .. }), "{error:?}");
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&broken));
    assert!(home.store.get_blob(&digest).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_not_there_is_said_with_what_to_do() {
    let home = Home::new();
    let said = |error: RegistryError| {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    };
    let text = said(home.registry.resolve("no-such-policy", None).await.unwrap_err());
    assert!(text.contains("no-such-policy") && text.contains("polic"), "{text}");
    let text = said(home.registry.resolve("./gone.wasm", None).await.unwrap_err());
    assert!(text.contains("gone.wasm"), "{text}");
    let text = said(home.registry.resolve(&format!("sha256:{}", "0".repeat(64)), None).await.unwrap_err());
    assert!(text.contains("upload it"), "{text}");
}

#[tokio::test]
async fn the_built_in_policies_load() {
    let home = Home::new();
    for builtin in super::builtin::BUILTIN {
        let policy = home.registry.resolve(builtin.name, None).await.unwrap();
        assert_eq!((policy.manifest().name.as_str(), policy.digest()), (builtin.name, builtin.sha256));
    }
}

mod uploads {
    use super::*;
    use crate::registry::{PushMeta, VersionState};

    async fn push(home: &Home, bytes: &[u8]) -> crate::registry::Version {
        let meta = PushMeta { by: "ada".to_owned(), at_ms: 1, ..PushMeta::default() };
        home.registry.push(bytes, &meta, &()).await.unwrap()
    }

    #[tokio::test]
    async fn a_good_one_is_tried_on_a_sample_where_nobody_would_use_it() {
        let home = Home::new();
        let version = push(&home, &file()).await;
        assert_eq!((version.name.as_str(), version.state), ("probe", VersionState::Tried));
        assert_eq!(version.trials[0].came_to, "abstained");
        assert!(home.store.get_blob(&version.digest).await.unwrap().is_some());
        for builtin in crate::registry::builtin::BUILTIN {
            let version = push(&home, builtin.bytes).await;
            assert_eq!((version.name.as_str(), version.state), (builtin.name, VersionState::Tried), "{version:?}");
        }
    }

    #[tokio::test]
    async fn a_bad_one_is_rejected_with_a_code_and_leaves_nothing_but_the_verdict() {
        let home = Home::new();
        let further = r#"(@custom "trimtab:string-encoding" "utf8")"#;
        let with = |probe: Probe| Probe { further: further.to_owned(), ..probe }.module();
        let trapping = |body: &str| with(Probe::evaluating(body));
        let import = r#"(import "env" "now" (func)) (memory (export "memory") 1)"#.to_owned();
        let good = file();
        let bad: Vec<(&str, Vec<u8>)> = vec![
            ("archive", b"PK\x03\x04 a zip".to_vec()),
            ("not-wasm", Vec::new()),
            ("native-code", b"\x7fELF and more".to_vec()),
            ("text-format", b"(module)".to_vec()),
            ("truncated", good[..good.len() / 2].to_vec()),
            ("truncated", good[..6].to_vec()),
            ("no-policy", wat::parse_str("(module)").unwrap()),
            ("wrong-contract", with(Probe { contract: "9.0.0".to_owned(), ..Probe::default() })),
            ("unknown-import", with(Probe { head: import, ..Probe::default() })),
            ("string-encoding", Probe::default().module()),
            ("describe-trap", with(Probe { describe: "unreachable".to_owned(), ..Probe::default() })),
            ("manifest", with(Probe { describe: "(i32.const 16)".to_owned(), ..Probe::default() })),
            ("needs-trap", with(Probe { needs: "unreachable".to_owned(), ..Probe::default() })),
            ("trial-trap", trapping("unreachable")),
            ("trial-out-of-fuel", trapping("(loop $on (br $on)) unreachable")),
        ];
        for (code, bytes) in bad {
            let version = push(&home, &bytes).await;
            let rejection = version.rejected.clone().unwrap_or_else(|| panic!("{code}: {version:?}"));
            assert_eq!(rejection.code, code, "{rejection:?}");
            assert!(!rejection.text.is_empty() && !rejection.remedy.is_empty());
            assert_eq!(version.state, VersionState::Rejected);
            assert!(home.store.get_blob(&version.digest).await.unwrap().is_none());
            assert_eq!(push(&home, &bytes).await, version, "no work the second time");
            let refused = home.registry.activate(&version.name, &version.digest, None, 2, "ada").await.unwrap_err();
            assert!(matches!(refused, RegistryError::NotTried { .. }), "{refused}");
        }
        assert_eq!(home.registry.versions(None).await.unwrap().len(), 15);
    }

    #[tokio::test]
    async fn the_same_bytes_from_many_at_once_are_one_piece_of_work() {
        let home = Home::new();
        let bytes = file();
        let all = futures_util::future::join_all((0..4).map(|_| push(&home, &bytes))).await;
        assert!(all.iter().all(|version| *version == all[0]), "{all:?}");
    }
}

mod trust {
    use super::*;
    use crate::registry::{Keyring, PrivateKey, PushMeta, Signature, TrustedKey, Version, VersionState};

    /// A home that trusts one key.
    fn trusting() -> (Home, PrivateKey) {
        let (home, key) = (Home::new(), PrivateKey::generate().unwrap());
        home.registry.trust(keyring(&key));
        (home, key)
    }

    fn keyring(key: &PrivateKey) -> Keyring {
        Keyring::new(vec![TrustedKey::read("release", &key.public_pem().unwrap()).unwrap()])
    }

    async fn push(home: &Home, bytes: &[u8], signature: Option<Signature>) -> Version {
        let meta = PushMeta { by: "ada".to_owned(), at_ms: 1, signature, ..PushMeta::default() };
        home.registry.push(bytes, &meta, &()).await.unwrap()
    }

    fn code(version: &Version) -> &str {
        version.rejected.as_ref().map_or("", |rejection| &rejection.code)
    }

    #[tokio::test]
    async fn an_upload_comes_in_with_the_signature_of_a_trusted_key_and_not_without() {
        let (home, key) = trusting();
        let refused = push(&home, &file(), None).await;
        assert_eq!((code(&refused), refused.state), ("unsigned", VersionState::Rejected));
        assert_eq!(code(&push(&home, &file(), Some(key.sign(b"something else"))).await), "wrong-signature");
        let strange = PrivateKey::generate().unwrap();
        assert_eq!(code(&push(&home, &file(), Some(strange.sign(&file()))).await), "untrusted-key");
        let taken = push(&home, &file(), Some(key.sign(&file()))).await;
        assert_eq!((taken.state, taken.signed_by.as_deref()), (VersionState::Tried, Some("release")));
        // What was checked stays so: the signature is kept with the bytes.
        assert_eq!(push(&home, &file(), None).await, taken);
        let wrong = push(&home, &file(), Some(strange.sign(&file()))).await;
        assert_eq!(code(&wrong), "untrusted-key");
        let kept = home.registry.version(&taken.digest).await.unwrap().unwrap();
        assert_eq!(kept, taken, "a refused upload changes nothing");
        home.registry.activate("probe", &taken.digest, None, 2, "ada").await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_compiled_that_nobody_vouches_for() {
        let (home, key) = trusting();
        // Not even WebAssembly: had it been looked at, that would be the reason.
        assert_eq!(code(&push(&home, b"PK\x03\x04", None).await), "unsigned");
        assert_eq!(code(&push(&home, b"PK\x03\x04", Some(key.sign(b"PK\x03\x04"))).await), "archive");
    }

    #[tokio::test]
    async fn what_came_in_before_there_were_keys_waits_for_a_signature() {
        let home = Home::new();
        let before = push(&home, &file(), None).await;
        assert_eq!((before.state, &before.signed_by), (VersionState::Tried, &None));
        let key = PrivateKey::generate().unwrap();
        home.registry.trust(keyring(&key));
        for refused in [
            home.registry.by_digest(&before.digest, None).await.map(drop),
            home.registry.resolve(&format!("sha256:{}", before.digest), None).await.map(drop),
            home.registry.activate("probe", &before.digest, None, 2, "ada").await.map(drop),
        ] {
            let refused = refused.unwrap_err();
            assert!(matches!(&refused, RegistryError::Untrusted { rejection, .. } if rejection.code == "unsigned"));
        }
        let signed = push(&home, &file(), Some(key.sign(&file()))).await;
        assert_eq!((signed.state, signed.signed_by.as_deref()), (VersionState::Tried, Some("release")));
        home.registry.activate("probe", &before.digest, None, 3, "ada").await.unwrap();
        home.registry.by_digest(&before.digest, None).await.unwrap();
        // Another key instead: what the first one signed counts no more.
        home.registry.trust(keyring(&PrivateKey::generate().unwrap()));
        home.registry.by_digest(&before.digest, None).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_file_is_signed_by_what_stands_beside_it_and_what_is_built_in_need_not_be() {
        let (home, key) = trusting();
        let path = home.folder.path().join("mine.wasm");
        std::fs::write(&path, file()).unwrap();
        let refused = home.registry.resolve("./mine.wasm", None).await.unwrap_err();
        assert!(matches!(&refused, RegistryError::Untrusted { rejection, .. } if rejection.code == "unsigned"));
        std::fs::write(home.folder.path().join("mine.wasm.sig"), key.sign(&file()).text()).unwrap();
        let policy = home.registry.resolve("./mine.wasm", None).await.unwrap();
        home.registry.resolve(&format!("sha256:{}", policy.digest()), None).await.unwrap();
        std::fs::write(home.folder.path().join("mine.wasm.sig"), "rubbish").unwrap();
        assert!(matches!(home.registry.resolve("./mine.wasm", None).await.unwrap_err(), RegistryError::File { .. }));
        for builtin in crate::registry::builtin::BUILTIN {
            home.registry.resolve(builtin.name, None).await.unwrap();
            assert_eq!(push(&home, builtin.bytes, None).await.state, VersionState::Tried);
        }
    }
}

mod verdicts {
    use super::*;
    use crate::registry::{PushMeta, VersionState};

    #[tokio::test]
    async fn a_verdict_holds_for_its_build_and_limits_and_for_how_it_was_to_be_run() {
        let home = Home::new();
        let bytes = Probe::default().module();
        let push = async |encoding, at_ms| {
            let meta = PushMeta { by: "ada".to_owned(), at_ms, encoding, ..PushMeta::default() };
            home.registry.push(&bytes, &meta, &()).await.unwrap()
        };
        let refused = push(None, 1).await;
        assert_eq!(refused.rejected.as_ref().unwrap().code, "string-encoding");
        assert_eq!(push(None, 2).await, refused, "no work the second time");
        assert_eq!(push(Some(StringEncoding::Utf8), 3).await.state, VersionState::Tried, "with its remedy followed");

        let bomb = Probe::evaluating("(loop $on (br $on)) unreachable").module();
        let push = async |home: &Home, tier| {
            let encoding = Some(StringEncoding::Utf8);
            let meta = PushMeta { by: "ada".to_owned(), at_ms: 1, encoding, tier, ..PushMeta::default() };
            home.registry.push(&bomb, &meta, &()).await.unwrap()
        };
        let under = push(&home, None).await.judged_under;
        assert_eq!(push(&home, None).await.judged_under, under);
        assert_ne!(push(&home, Some(Tier::Interpreted)).await.judged_under, under, "judged under other limits");
        // A host that another build or other limits make another has no use for the verdict.
        let mut old =
            home.registry.version(&hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bomb))).await.unwrap().unwrap();
        old.judged_under = "another".to_owned();
        home.registry.keep_version(&old).await.unwrap();
        assert_eq!(push(&home, None).await.judged_under, under);
    }
}

mod retention {
    use super::*;
    use crate::registry::{Keep, PushMeta, Version};

    /// Versions of one policy that differ in a byte.
    async fn push(home: &Home, number: u8) -> Version {
        let further = format!(r#"(@custom "trimtab:string-encoding" "utf8") (@custom "number" "{number}")"#);
        let bytes = Probe { further, ..Probe::default() }.module();
        let meta = PushMeta { by: "ada".to_owned(), at_ms: u64::from(number), ..PushMeta::default() };
        home.registry.push(&bytes, &meta, &()).await.unwrap()
    }

    async fn kept(home: &Home) -> (Vec<String>, Vec<String>, usize) {
        let mut versions = home.registry.versions(None).await.unwrap();
        versions.sort_by_key(|version| version.uploaded_ms);
        let versions = versions.into_iter().map(|version| version.uploaded_ms.to_string()).collect();
        let artefacts = std::fs::read_dir(home.folder.path().join("artefacts")).unwrap().count();
        (versions, home.store.blobs(None, 100).await.unwrap(), artefacts)
    }

    #[tokio::test]
    async fn what_nobody_uses_is_kept_within_limits_and_what_is_used_stays() {
        let home = Home::new();
        let mut pushed = Vec::new();
        for number in 0..8 {
            pushed.push(push(&home, number).await);
        }
        // One acts, one can be gone back to, one is held by a binding that names its digest.
        for number in [0, 1] {
            home.registry.activate("probe", &pushed[number].digest, None, 9, "ada").await.unwrap();
        }
        let held = home.registry.by_digest(&pushed[2].digest, None).await.unwrap();

        let keep = Keep { unused_max: 2, ..Keep::default() };
        assert_eq!(home.registry.forget_surplus(&keep).await.unwrap(), 3);
        let (versions, blobs, artefacts) = kept(&home).await;
        assert_eq!(versions, ["0", "1", "2", "6", "7"], "the oldest of those that nobody uses are forgotten");
        assert_eq!((blobs.len(), artefacts), (8, 8), "their bytes stay until it is known that no record names them");

        // A record still names the third.
        let unnamed: Vec<String> = blobs.into_iter().filter(|digest| *digest != pushed[3].digest).collect();
        assert_eq!(home.registry.forget_bytes(&unnamed).await.unwrap(), 2);
        assert_eq!(home.registry.forget_artefacts(&keep).await.unwrap(), 2);
        let (_, blobs, artefacts) = kept(&home).await;
        assert_eq!((blobs.len(), artefacts), (6, 6));
        assert!(blobs.contains(&pushed[3].digest));
        let index = home.store.list("artefact/", None, 100).await.unwrap();
        assert_eq!(index.len(), 6, "nothing is left of the others' artefacts");

        // What was forgotten can come again, and what is used still loads.
        assert_eq!(push(&home, 4).await.state, pushed[4].state);
        home.registry.by_digest(&pushed[4].digest, None).await.unwrap();
        home.registry.by_digest(&pushed[1].digest, None).await.unwrap();
        let little = Keep { artefact_bytes_max: 1, ..keep };
        drop(held);
        assert!(home.registry.forget_artefacts(&little).await.unwrap() > 0);
        home.registry.by_digest(&pushed[0].digest, None).await.unwrap();
    }

    #[tokio::test]
    async fn of_an_upload_that_fails_when_it_is_tried_no_artefact_stays() {
        let home = Home::new();
        let further = r#"(@custom "trimtab:string-encoding" "utf8")"#.to_owned();
        let trapping = Probe { further, ..Probe::evaluating("unreachable") }.module();
        let meta = PushMeta { by: "ada".to_owned(), at_ms: 1, ..PushMeta::default() };
        let version = home.registry.push(&trapping, &meta, &()).await.unwrap();
        assert_eq!(version.rejected.unwrap().code, "trial-trap");
        home.registry.forget_artefacts(&Keep::default()).await.unwrap();
        assert_eq!(kept(&home).await.2, 0);
        assert_eq!(home.store.list("artefact/", None, 100).await.unwrap(), []);
    }

    #[tokio::test]
    async fn it_is_looked_what_goes_after_so_many_uploads_and_not_before() {
        let home = Home::new();
        for number in 0..64 {
            assert!(!home.registry.is_room_due());
            home.registry.uploads().unseen().add(usize::from(number > 0));
        }
        assert!(home.registry.is_room_due());
        assert!(!home.registry.is_room_due(), "said once");
        home.registry.uploads().unseen().add(256 << 20);
        assert!(home.registry.is_room_due());
    }
}

#[tokio::test]
async fn what_is_quoted_of_a_stranger_stands_on_one_line_and_moves_no_cursor() {
    let home = Home::new();
    let odd = r#"(module (func (export "\u{202e}lave\0a\1b[31m")))"#;
    let meta = crate::registry::PushMeta::default();
    let version = home.registry.push(&wat::parse_str(odd).unwrap(), &meta, &()).await.unwrap();
    let text = version.rejected.unwrap().text;
    assert!(text.contains("`\\u{202e}lave \\u{1b}[31m`"), "{text}");
}
