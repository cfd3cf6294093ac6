//! Keys and signatures from the command line, and that openssl agrees.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use trimtab::registry::builtin::builtin;

use crate::skip::skip;

fn trimtab(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trimtab")).current_dir(folder).args(args).output().unwrap()
}

fn openssl(folder: &Path, args: &[&str]) -> Option<Output> {
    Command::new("openssl").current_dir(folder).args(args).output().ok()
}

#[test]
fn a_policy_is_signed_and_verified_and_a_changed_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |args: &[&str]| trimtab(folder.path(), args);
    std::fs::write(at("p.wasm"), builtin("target-tracking").unwrap().bytes).unwrap();
    assert!(run(&["policy", "keygen", "--out", "keys"]).status.success());
    let mode = std::fs::metadata(at("keys/trimtab.key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = std::fs::read(at("keys/trimtab.key.pem")).unwrap();
    assert_eq!(run(&["policy", "keygen", "--out", "keys"]).status.code(), Some(2), "nothing is written over");
    assert_eq!(std::fs::read(at("keys/trimtab.key.pem")).unwrap(), key);

    let verify = || run(&["policy", "verify", "p.wasm", "--key", "keys/trimtab.pub.pem"]);
    assert!(String::from_utf8_lossy(&verify().stderr).contains("unsigned"));
    assert!(run(&["policy", "sign", "p.wasm", "--key", "keys/trimtab.key.pem"]).status.success());
    assert!(verify().status.success());
    std::fs::write(at("p.wasm"), b"another").unwrap();
    let refused = verify();
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("wrong-signature"));
    let wrong = run(&["policy", "sign", "p.wasm", "--key", "keys/trimtab.pub.pem"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("PRIVATE KEY"));
}

#[test]
fn openssl_and_trimtab_take_each_others_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    if openssl(folder.path(), &["version"]).is_none() {
        return skip("signing", "no openssl");
    }
    std::fs::write(at("p.wasm"), b"\0asm any bytes").unwrap();
    assert!(trimtab(folder.path(), &["policy", "keygen", "--out", "."]).status.success());
    let sign = ["pkeyutl", "-sign", "-rawin", "-inkey", "trimtab.key.pem", "-in", "p.wasm", "-out", "p.wasm.sig"];
    let signed = openssl(folder.path(), &sign).unwrap();
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let verified = trimtab(folder.path(), &["policy", "verify", "p.wasm", "--key", "trimtab.pub.pem"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}
