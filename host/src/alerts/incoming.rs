//! An alert on its way in.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// How long an alert stands where nobody says, from the last time that it came.
pub const EXPIRES_MS_DEFAULT: u64 = 600_000;
/// The shortest.
pub const EXPIRES_MS_MIN: u64 = 1_000;
/// The longest.
pub const EXPIRES_MS_MAX: u64 = 7 * 24 * 3_600_000;

const LABELS_MAX: usize = 64;
const LABEL_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 1_024;
const LABELS_BYTES_MAX: usize = 4_096;
const NAME_BYTES_MAX: usize = 256;
const ANNOTATIONS_MAX: usize = 16;
const ANNOTATION_CHARS_MAX: usize = 500;

/// An alert on its way in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Incoming {
    /// What tells it apart from others; `None`: its name and labels.
    pub fingerprint: Option<String>,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What else it says, which may be another the next time and does not tell it apart: policies see it among the labels.
    pub particulars: BTreeMap<String, String>,
    /// What it says to people.
    pub annotations: BTreeMap<String, String>,
    /// The number that raised it.
    pub value: Option<f64>,
    /// When it began, if its sender says so.
    pub since_ms: Option<u64>,
    /// How long it stands if it does not come again.
    pub expires_in_ms: u64,
    /// Whether it has ended.
    pub resolved: bool,
}

/// Why an alert is not taken. The others of its request are not disturbed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlertRefusal {
    /// A name that is none.
    #[error("the name is empty, longer than {NAME_BYTES_MAX} bytes, or holds control characters")]
    Name,
    /// Too many labels, or too long ones.
    #[error("labels {what}")]
    Labels {
        /// What is wrong with them.
        what: String,
    },
    /// A fingerprint that is none.
    #[error("the fingerprint is empty, longer than {NAME_BYTES_MAX} bytes, or holds control characters")]
    Fingerprint,
    /// A number that is none.
    #[error("the value is not a finite number")]
    NotFinite,
    /// It would stand too shortly, or too long.
    #[error("it would stand for {expires_in_ms} ms")]
    Expires {
        /// For so long.
        expires_in_ms: u64,
    },
    /// There are too many, and none of them is over.
    #[error("there are {} open alerts already", super::ALERTS_MAX)]
    Full,
}

impl AlertRefusal {
    /// Its word, for programs: never changes its meaning.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name => "bad-name",
            Self::Labels { .. } => "bad-labels",
            Self::Fingerprint => "bad-fingerprint",
            Self::NotFinite => "not-finite",
            Self::Expires { .. } => "bad-expiry",
            Self::Full => "too-many-alerts",
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Name => "give it a short name, as name, alertname or rule_name",
            Self::Labels { .. } => {
                "send at most 64 labels, 4 KiB in all, their values at most 1 KiB, without control characters"
            }
            Self::Fingerprint => "leave it out: name and labels then tell alerts apart",
            Self::NotFinite => "leave the value out",
            Self::Expires { .. } => "let it stand for 1 s to 7 days",
            Self::Full => "remove some, or have them resolved by whoever sends them",
        }
    }
}

impl Incoming {
    /// Its id: the same for the same alert, whenever and however often it comes.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        match &self.fingerprint {
            Some(fingerprint) => hash.update(format!("fingerprint\n{fingerprint}")),
            None => {
                // No name, label or value holds a control character, so that no two sets are written the same.
                hash.update(format!("labels\n{}", self.name));
                self.labels.iter().for_each(|(label, value)| hash.update(format!("\n{label}\t{value}")));
            }
        }
        let digest: String = hex::encode(hash.finalize());
        digest.chars().take(16).collect()
    }

    /// Refuses what is too much; shortens what is for people only.
    pub(super) fn check(&self) -> Result<(), AlertRefusal> {
        let is_line = |text: &str, bytes_max: usize| text.len() <= bytes_max && !text.chars().any(char::is_control);
        if self.name.is_empty() || !is_line(&self.name, NAME_BYTES_MAX) {
            return Err(AlertRefusal::Name);
        }
        if self.fingerprint.as_deref().is_some_and(|print| print.is_empty() || !is_line(print, NAME_BYTES_MAX)) {
            return Err(AlertRefusal::Fingerprint);
        }
        let wrong = |what: String| Err(AlertRefusal::Labels { what });
        if self.labels.len() > LABELS_MAX {
            return wrong(format!("are {}", self.labels.len()));
        }
        let bytes: usize = self.labels.iter().map(|(label, value)| label.len() + value.len()).sum();
        if bytes > LABELS_BYTES_MAX {
            return wrong(format!("take {bytes} bytes"));
        }
        let fits = |(label, value): (&String, &String)| {
            !label.is_empty() && is_line(label, LABEL_BYTES_MAX) && is_line(value, VALUE_BYTES_MAX)
        };
        if !self.labels.iter().all(fits) {
            return wrong("have one that is empty, too long, or holds control characters".to_owned());
        }
        if self.value.is_some_and(|value| !value.is_finite()) {
            return Err(AlertRefusal::NotFinite);
        }
        let expires_in_ms = self.expires_in_ms;
        if !self.resolved && !(EXPIRES_MS_MIN..=EXPIRES_MS_MAX).contains(&expires_in_ms) {
            return Err(AlertRefusal::Expires { expires_in_ms });
        }
        Ok(())
    }

    /// What it says to people, cut to what people read.
    pub(super) fn short_annotations(&self) -> BTreeMap<String, String> {
        let short = |text: &str| text.chars().take(ANNOTATION_CHARS_MAX).collect::<String>();
        let named = self.annotations.iter().filter(|(name, _)| name.len() <= LABEL_BYTES_MAX).take(ANNOTATIONS_MAX);
        named.map(|(name, text)| (name.clone(), short(text))).collect()
    }
}
