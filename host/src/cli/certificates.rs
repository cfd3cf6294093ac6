//! Certificates: the host's own, and whom the command line believes when it asks a host.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use super::Fail;
use crate::causes::with_causes;
use crate::config::{Complaint, Complaints, Config, Place};
use crate::tls::{self, Doubt, TlsError, TlsServer};

/// Whom the command line believes, and as whom it comes.
#[derive(Debug, Clone, Args)]
pub(super) struct TrustArgs {
    /// Who vouches for the host, in PEM; else whom the system believes. For a --host of https:// alone.
    #[arg(long, global = true, value_name = "FILE", env = "TRIMTAB_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// A certificate to show to the host, in PEM.
    #[arg(long, global = true, value_name = "FILE", env = "TRIMTAB_CLIENT_CERT", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(long, global = true, value_name = "FILE", env = "TRIMTAB_CLIENT_KEY", requires = "client_cert")]
    client_key: Option<PathBuf>,
}

impl TrustArgs {
    /// A client that believes those, and comes as that one.
    pub(super) fn client(&self, client: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder> {
        let usage = |error: TlsError| Fail::usage(with_causes(&error));
        let client = tls::believing(client, self.ca_file.as_deref()).map_err(usage)?;
        match (&self.client_cert, &self.client_key) {
            (Some(cert), Some(key)) => tls::showing(client, cert, key).map_err(usage),
            _ => Ok(client),
        }
    }
}

/// What to do about a request that found no answer, told from what was said about it.
pub(super) fn remedy(host: &str, said: &str) -> String {
    if host.starts_with("https://") && said.contains("InvalidContentType") {
        "it answers in the clear: write http://, or give it a certificate with [api.tls]".to_owned()
    } else if said.contains("UnknownIssuer") || said.contains("CaUsedAsEndEntity") {
        "nobody whom this machine believes vouches for it: name who does with --ca-file".to_owned()
    } else if said.contains("NotValidForName") {
        "its certificate is for another name: write --host with a name that stands in it".to_owned()
    } else if said.contains("CertificateRequired") {
        "it wants to see a certificate: name yours with --client-cert and --client-key".to_owned()
    } else {
        "is it running? Name another with --host".to_owned()
    }
}

/// The host's certificate, where the configuration names one.
pub(super) fn open(config: &Config) -> Result<Option<Arc<TlsServer>>, Complaints> {
    let Some(settings) = &config.api.tls else { return Ok(None) };
    let server = TlsServer::open(settings.clone()).map_err(|error| refusal(config, &error))?;
    for doubt in server.doubts(jiff::Timestamp::now().as_second()) {
        tracing::warn!(key = format!("api.tls.{}", doubt.key), remedy = doubt.remedy, "{}", doubt.what);
    }
    Ok(Some(Arc::new(server)))
}

/// What is doubtful about the files of TLS.
///
/// # Errors
/// What is wrong with them.
pub(super) fn check(config: &Config) -> Result<Vec<Complaint>, Complaints> {
    let Some(settings) = &config.api.tls else { return Ok(Vec::new()) };
    let doubts = tls::check(settings, jiff::Timestamp::now().as_second()).map_err(|error| refusal(config, &error))?;
    Ok(doubts.into_iter().map(warning).collect())
}

/// That a certificate is refused while the old one stays in force, for who had it read again.
pub(super) fn kept_old(error: &TlsError) -> Complaint {
    let remedy = "mend it and reload; the certificate from before is shown still".to_owned();
    Complaint { remedy, ..complaint(error) }
}

fn refusal(config: &Config, error: &TlsError) -> Complaints {
    Complaints { file: config.file.display().to_string(), complaints: vec![complaint(error)] }
}

fn complaint(error: &TlsError) -> Complaint {
    let path = "api.tls".to_owned();
    Complaint { place: Place::default(), path, what: with_causes(error), remedy: String::new() }
}

fn warning(doubt: Doubt) -> Complaint {
    let (path, remedy) = (format!("api.tls.{}", doubt.key), doubt.remedy.to_owned());
    Complaint { place: Place::default(), path, what: doubt.what, remedy }
}
