//! Keys and files of policies over reloads of a host that runs.

use std::sync::Arc;

use super::stage::{CONFIG, Stage, TRACKING, tracking};
use crate::registry::PrivateKey;

/// The configuration with these keys in front.
fn trusting(config: &str, keys: &[(&str, &std::path::Path)]) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|(name, file)| format!("{{ name = \"{name}\", key = {{ file = \"{}\" }} }}", file.display()))
        .collect();
    format!("[policies]\ntrusted_keys = [{}]\n{config}", keys.join(", "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_that_adds_keys_is_refused_while_a_binding_uses_what_is_unsigned() {
    let (stage, folder) = (Stage::set(CONFIG).await, tempfile::tempdir().unwrap());
    let (public, key) = (folder.path().join("release.pem"), PrivateKey::generate().unwrap());
    std::fs::write(&public, key.public_pem().unwrap()).unwrap();
    let version = stage.push(&tracking(1)).await;
    stage.steering.activate(TRACKING, &version.digest, None, "ada").await.unwrap();
    let before = stage.steering.bindings();

    stage.edit(&trusting(CONFIG, &[("release", &public)]));
    let refused = stage.steering.reload().await.unwrap_err().to_string();
    assert!(refused.contains("binding.web.policy") && refused.contains("(unsigned)"), "{refused}");
    assert!(refused.contains("trimtab policy sign"), "with what to do: {refused}");
    assert!(Arc::ptr_eq(&before[0], &stage.steering.bindings()[0]));
    assert!(stage.steering.registry().keys().is_empty(), "the old keys stay in force, too");
    assert_eq!(stage.push(&tracking(2)).await.rejected, None);

    stage.edit(&trusting(CONFIG, &[("release", &folder.path().join("gone.pem"))]));
    let refused = stage.steering.reload().await.unwrap_err().to_string();
    assert!(refused.contains("policies.trusted_keys.release") && refused.contains("gone.pem"), "{refused}");

    // Back to the built-in policy, which needs no signature: now the keys hold.
    stage.steering.rollback(TRACKING, None, "ada").await.unwrap();
    stage.edit(&trusting(CONFIG, &[("release", &public)]));
    stage.steering.reload().await.unwrap();
    let unsigned = stage.push(&tracking(3)).await.rejected.unwrap();
    assert_eq!(unsigned.code, "unsigned");
    let refused = stage.steering.activate(TRACKING, &version.digest, None, "ada").await.unwrap_err().to_string();
    assert!(refused.contains("(unsigned)"), "{refused}");
    stage.turn().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_takes_up_a_file_that_has_changed_and_leaves_one_that_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.wasm");
    std::fs::write(&file, tracking(1)).unwrap();
    let config = CONFIG.replace("use = \"target-tracking\"", &format!("use = \"{}\"", file.display()));
    let stage = Stage::set(&config).await;
    let digest = || stage.steering.bindings()[0].slots[0].policy.digest().to_owned();
    let first = digest();
    assert_eq!(stage.steering.reload().await.unwrap().unchanged, 1);
    std::fs::write(&file, tracking(2)).unwrap();
    assert_eq!(stage.steering.reload().await.unwrap().changed, ["web"]);
    let second = digest();
    assert_ne!(first, second);
    std::fs::write(&file, b"PK\x03\x04").unwrap();
    let refused = stage.steering.reload().await.unwrap_err().to_string();
    assert!(refused.contains("archive"), "{refused}");
    assert_eq!(digest(), second);
    stage.turn().await;
    assert_eq!(stage.last_digests().await, [second]);
}
