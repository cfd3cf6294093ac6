//! Signatures, also those that openssl makes.

use super::*;

/// Made by `openssl genpkey -algorithm ed25519`.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIIiqQ+ou5mb8q9Ov14TxPyA1urkK3KSrvJmhunAm5QjC\n\
    -----END PRIVATE KEY-----";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAVIKmunuohKbNxCkVmrcHVxMa0mkM7k5oRUZlb7jdAqc=\n\
    -----END PUBLIC KEY-----";
/// By `openssl pkeyutl -sign -rawin` over the file `a policy`, in hex.
const BY_OPENSSL: &str = "b16f0fbd65c973fa6bea90e6082e5ab1bdd746993cddcc25200c4a528745547f7fef1420862365a3dbe6bbfe40f940a37cde69990a220460f20f1250d7a6b507";

fn code(checked: Result<Option<String>, Rejection>) -> String {
    checked.unwrap_err().code
}

#[test]
fn what_openssl_signs_is_believed_and_ours_is_the_same() {
    let ring = Keyring::new(vec![TrustedKey::read("release", PUBLIC).unwrap()]);
    let raw = hex::decode(BY_OPENSSL).unwrap();
    let theirs = Signature::read(&raw).unwrap();
    assert_eq!(ring.check(b"a policy", Some(&theirs)).unwrap().as_deref(), Some("release"));
    let ours = PrivateKey::read(PRIVATE).unwrap().sign(b"a policy");
    assert_eq!(ours.bytes, theirs.bytes, "Ed25519 has one signature for one key and one file");
    assert_eq!(code(ring.check(b"a polIcy", Some(&theirs))), "wrong-signature");
    assert_eq!(code(ring.check(b"a policy", None)), "unsigned");
}

#[test]
fn a_strange_key_is_told_from_strange_bytes_where_the_signature_names_it() {
    let (one, two) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let ring = Keyring::new(vec![TrustedKey::read("one", &one.public_pem().unwrap()).unwrap()]);
    assert_eq!(code(ring.check(b"x", Some(&two.sign(b"x")))), "untrusted-key");
    assert_eq!(code(ring.check(b"y", Some(&one.sign(b"x")))), "wrong-signature");
    let anonymous = Signature { key: None, ..two.sign(b"x") };
    assert_eq!(code(ring.check(b"x", Some(&anonymous))), "wrong-signature");
    let lying = Signature { key: Some(one.id()), ..two.sign(b"x") };
    assert_eq!(code(ring.check(b"x", Some(&lying))), "wrong-signature", "what it says of its key is not believed");
    assert_eq!(Keyring::default().check(b"x", None).unwrap(), None, "where no key is trusted nothing need be signed");
}

#[test]
fn a_signature_is_read_as_it_is_written_and_rubbish_is_not() {
    let signature = PrivateKey::generate().unwrap().sign(b"x");
    assert_eq!(Signature::read(signature.text().as_bytes()).unwrap(), signature);
    assert_eq!(Signature::read(format!("{}\n", signature.text()).as_bytes()).unwrap(), signature);
    let bare = Signature { key: None, ..signature.clone() };
    assert_eq!(Signature::read(bare.text().as_bytes()).unwrap(), bare);
    assert_eq!(Signature::read(&signature.bytes).unwrap(), bare);
    let long = "A".repeat(4000);
    for bad in [&b""[..], b"AAAA", b"no signature", b"zz:AAAA", &[0xff; 65], b":", long.as_bytes()] {
        assert_eq!(Signature::read(bad), Err(SignatureError::Signature), "{bad:?}");
    }
}

#[test]
fn keys_are_read_from_pem_der_and_bytes_and_weak_ones_are_refused() {
    let by_pem = TrustedKey::read("k", PUBLIC).unwrap();
    let bytes = base64::encode(by_pem.key.as_bytes());
    assert_eq!(TrustedKey::read("k", &bytes).unwrap(), by_pem);
    let der: String = PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(TrustedKey::read("k", &der).unwrap(), by_pem);
    for bad in ["", "AAAA", PRIVATE, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
        assert_eq!(TrustedKey::read("k", bad), Err(SignatureError::PublicKey), "{bad}");
    }
    // The neutral element: with it a signature of zeroes would fit everything.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert_eq!(TrustedKey::read("k", &base64::encode(&neutral)), Err(SignatureError::WeakKey));
    assert!(PrivateKey::read(PUBLIC).is_err());
    let key = PrivateKey::generate().unwrap();
    assert_eq!(PrivateKey::read(&key.pem().unwrap()).unwrap().id(), key.id());
    assert!(!format!("{key:?}").contains("PRIVATE"));
}

#[test]
fn base64_is_that_of_the_rfc() {
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
        assert_eq!(base64::encode(bytes.as_bytes()), text);
        assert_eq!(base64::decode(text).unwrap(), bytes.as_bytes());
    }
    for bad in ["Z", "Zg", "Zg=", "Zh==", "Zg==Zg==", "====", "Z===", "Zm9v\n", "Zm-v"] {
        assert_eq!(base64::decode(bad), None, "{bad}");
    }
}
