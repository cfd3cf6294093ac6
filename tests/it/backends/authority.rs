//! Certificates for servers that speak TLS: an authority of the test's own, and what it vouches for.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

/// A folder with `ca.pem`, `server.pem` and `server.key` for 127.0.0.1 and localhost, and `client.pem` and `client.key`.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// Makes one; the client's certificate names this user.
    pub(crate) fn new(user: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = Self { folder: tempfile::tempdir().unwrap() };
        // Two authorities of one name would be taken for one that signs badly.
        params.distinguished_name.push(DnType::CommonName, authority.text(""));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        authority.write("ca.pem", &issuer.pem());
        let addresses = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        for (name, addresses, common, purpose) in [
            ("server", addresses, "server", ExtendedKeyUsagePurpose::ServerAuth),
            ("client", Vec::new(), user, ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let mut params = CertificateParams::new(addresses).unwrap();
            params.distinguished_name.push(DnType::CommonName, common);
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().unwrap();
            authority.write(&format!("{name}.pem"), &params.signed_by(&key, &issuer).unwrap().pem());
            authority.write(&format!("{name}.key"), &key.serialize_pem());
        }
        authority
    }

    /// One of its files.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as a text, for a command line or a configuration.
    pub(crate) fn text(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        let path: &Path = &self.at(name);
        std::fs::write(path, text).unwrap();
        // Servers refuse a key that others may read.
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
}
