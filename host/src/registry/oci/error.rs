//! Why nothing was pulled.

/// Why nothing was pulled.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// It is no reference.
    #[error("{text:?} is no reference: {what}")]
    Reference {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        what: String,
    },
    /// It names a tag alone.
    #[error("{reference} has no digest, and a tag is whatever the registry says at the time")]
    DigestNeeded {
        /// As it was given.
        reference: String,
    },
    /// The operator has named no such registry.
    #[error("this host may not pull from {host}")]
    NotAllowed {
        /// Its host.
        host: String,
    },
    /// The registry leads to a host that the operator has not named.
    #[error("the registry leads to {host}, which is not among the hosts that it may lead to")]
    LedAway {
        /// Where it leads.
        host: String,
    },
    /// The password cannot be had.
    #[error("the registry's password cannot be had: {what}")]
    Login {
        /// Why.
        what: String,
    },
    /// It does not answer.
    #[error("the registry cannot be asked for {what}")]
    Unreachable {
        /// For what.
        what: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It says no.
    #[error("the registry answers {answer} when it is asked for {what}")]
    Refused {
        /// For what.
        what: &'static str,
        /// Its number and word.
        answer: String,
    },
    /// Its answer makes no sense.
    #[error("the registry's answer makes no sense: {what}")]
    Nonsense {
        /// Why.
        what: String,
    },
    /// It is too long.
    #[error("{what} is longer than {bytes_max} bytes")]
    TooLarge {
        /// What.
        what: &'static str,
        /// So long it may be.
        bytes_max: u64,
    },
    /// It took too long.
    #[error("it was not here within {timeout_ms} ms")]
    TooSlow {
        /// So long it may take.
        timeout_ms: u64,
    },
    /// What arrived is not what was asked for.
    #[error("{what} has the digest {found}, and was to have {wanted}")]
    Digest {
        /// What.
        what: &'static str,
        /// Asked for.
        wanted: String,
        /// Arrived.
        found: String,
    },
    /// It is there, and no policy.
    #[error("it is no policy: {what}")]
    NotAPolicy {
        /// Why.
        what: String,
    },
}

impl OciError {
    /// A word for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Reference { .. } => "bad-reference",
            Self::DigestNeeded { .. } => "digest-needed",
            Self::NotAllowed { .. } => "registry-not-allowed",
            Self::LedAway { .. } => "registry-led-away",
            Self::Login { .. } => "registry-login",
            Self::Unreachable { .. } => "registry-unreachable",
            Self::Refused { .. } => "registry-refused",
            Self::Nonsense { .. } => "registry-nonsense",
            Self::TooLarge { .. } => "too-large",
            Self::TooSlow { .. } => "pull-too-slow",
            Self::Digest { .. } => "wrong-digest",
            Self::NotAPolicy { .. } => "no-policy",
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Reference { .. } => "write registry/repository@sha256:…",
            Self::DigestNeeded { .. } => "add @sha256:…, or set allow_tags = true in [policies]",
            Self::NotAllowed { .. } => "add it to registries in [policies]",
            Self::LedAway { .. } => "if that is right, add it to the registry's `also` in [policies]",
            Self::Login { .. } => "see the registry's user and password in [policies]",
            Self::Unreachable { .. } | Self::TooSlow { .. } => "see whether it is up, and pull again",
            Self::Refused { .. } => "see whether it is there, and whether the registry's user may read it",
            Self::Nonsense { .. } => "see whether this is an OCI registry",
            Self::TooLarge { .. } => "strip it, or raise upload.bytes_max in [sandbox]",
            Self::Digest { .. } => "do not trust that registry; pull again from another",
            Self::NotAPolicy { .. } => "push the .wasm as the one layer of an artefact, with `wkg`, `oras` or the like",
        }
    }
}
