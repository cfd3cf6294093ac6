//! Certificates that are right, wrong, old, and changed while they are used.

use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::validity::{Validity, validity};
use super::*;

/// A folder with a certificate, its key, and what a story adds.
struct Shelf(tempfile::TempDir);

impl Shelf {
    fn new() -> Self {
        let shelf = Self(tempfile::tempdir().unwrap());
        shelf.put("cert.pem", "key.pem", 2099);
        shelf
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, cert: &str, key: &str, until_year: i32) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2001, 2, 3);
        params.not_after = date_time_ymd(until_year, 2, 3);
        let pair = KeyPair::generate().unwrap();
        self.write(cert, &params.self_signed(&pair).unwrap().pem());
        self.write(key, &pair.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.at(name), text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.at(name), mode).unwrap();
    }

    fn settings(&self) -> TlsSettings {
        let (cert, key) = (self.at("cert.pem"), self.at("key.pem"));
        TlsSettings { cert, key, client_ca: None, client_certs: ClientCerts::Off }
    }
}

#[test]
fn a_pair_that_fits_is_taken_and_each_fault_is_told_apart() {
    let shelf = Shelf::new();
    assert_eq!(check(&shelf.settings(), 1_700_000_000).unwrap(), []);
    let with = |cert: &str, key: &str| TlsSettings { cert: shelf.at(cert), key: shelf.at(key), ..shelf.settings() };
    let said = |settings: TlsSettings| check(&settings, 0).unwrap_err().to_string();

    shelf.put("other.pem", "other.key", 2099);
    shelf.write("empty.pem", "");
    shelf.write("words.pem", "this is no certificate\n");
    shelf.write("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    shelf.write("junk.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(said(with("cert.pem", "other.key")).contains("is not the key of the certificate"));
    assert!(said(with("none.pem", "key.pem")).contains("cannot be read"));
    assert!(said(with("empty.pem", "key.pem")).contains("holds no certificate"));
    assert!(said(with("words.pem", "key.pem")).contains("holds no certificate"));
    assert!(said(with("cut.pem", "key.pem")).contains("cannot be used"));
    assert!(said(with("junk.pem", "key.pem")).contains("cannot be used"));
    assert!(said(with("cert.pem", "cert.pem")).contains("holds no key"));
    shelf.write("huge.pem", &"x".repeat(2 << 20));
    assert!(said(with("huge.pem", "key.pem")).contains("larger than"));
    let clients = |ca: &str| TlsSettings {
        client_ca: Some(shelf.at(ca)),
        client_certs: ClientCerts::Required,
        ..shelf.settings()
    };
    assert!(check(&clients("cert.pem"), 1_700_000_000).is_ok());
    assert!(said(clients("words.pem")).contains("words.pem holds no certificate"));
}

#[test]
fn what_is_doubtful_is_said_and_does_not_stand_in_the_way() {
    let shelf = Shelf::new();
    let whats = |now_s: i64| -> Vec<String> {
        check(&shelf.settings(), now_s)
            .unwrap()
            .into_iter()
            .map(|doubt| format!("{}: {}", doubt.key, doubt.what))
            .collect()
    };
    shelf.put("cert.pem", "key.pem", 2024);
    // 2024-02-03T00:00:00Z
    let end_s = 1_706_918_400;
    assert_eq!(whats(end_s), ["cert: the certificate has expired at 2024-02-03T00:00:00Z"]);
    assert_eq!(whats(end_s - 60), ["cert: the certificate expires at 2024-02-03T00:00:00Z"]);
    assert_eq!(whats(end_s - 30 * 86_400), [""; 0]);
    assert_eq!(whats(1_000), ["cert: the certificate holds only from 2001-02-03T00:00:00Z"]);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(shelf.at("key.pem"), mode).unwrap();
    assert!(whats(end_s - 30 * 86_400)[0].starts_with("key: everybody on this machine can read"));
}

#[test]
fn a_changed_pair_is_taken_and_a_bad_one_leaves_the_old_in_force() {
    let shelf = Shelf::new();
    let server = TlsServer::open(shelf.settings()).unwrap();
    let first = server.current();
    assert!(server.reload_if_changed().is_none(), "nothing has changed");

    shelf.put("cert.pem", "key.pem", 2098);
    server.reload_if_changed().unwrap().unwrap();
    let second = server.current();
    assert!(!Arc::ptr_eq(&first, &second));

    shelf.write("key.pem", "half a fi");
    assert!(matches!(server.reload_if_changed(), Some(Err(TlsError::NoKey { .. }))));
    assert!(Arc::ptr_eq(&second, &server.current()), "the old one is shown still");
    assert!(server.reload_if_changed().is_none(), "the same fault is told once");
    assert!(server.reload().is_err(), "who asks is told again");

    std::fs::remove_file(shelf.at("key.pem")).unwrap();
    assert!(matches!(server.reload_if_changed(), Some(Err(TlsError::Read { .. }))));
    shelf.put("cert.pem", "key.pem", 2097);
    server.reload_if_changed().unwrap().unwrap();
    assert_eq!(server.expires_s(), Some(4_010_688_000), "2097-02-03");
}

#[test]
fn the_time_of_a_certificate_is_read_in_both_forms_and_junk_is_none() {
    for (from, until) in [(1999, 2049), (2001, 2050), (1980, 2200)] {
        let mut params = CertificateParams::new(vec!["a".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 12, 31));
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let wanted =
            Validity { from_s: params.not_before.unix_timestamp(), until_s: params.not_after.unix_timestamp() };
        assert_eq!(validity(made.der()), Some(wanted));
        for cut in 0..made.der().len().min(200) {
            assert_ne!(validity(&made.der()[..cut]), Some(wanted), "cut at {cut}");
        }
    }
    assert_eq!(validity(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), None);
    assert_eq!(validity(b""), None);
}
