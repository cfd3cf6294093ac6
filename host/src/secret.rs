//! Secrets: named in the configuration, kept elsewhere, never printed. Every room may import this.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error as _};

/// A secret's longest length: tokens and passwords, not archives.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A text that neither `Debug` nor `Display` nor a serializer tells.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself: for the request that needs it, and for nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a secret is kept.
/// As it is written in the file: `{ file = "…" }` or `{ env = "…" }`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretAt {
    /// In a file, of which line ends at the end are no part.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
}

/// Why a secret could not be had. Says where it was looked for, never what was found.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read.
    #[error("the secret's file {path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The variable is not set, or not text.
    #[error("the environment variable {name} is not set to a text")]
    Env {
        /// The variable.
        name: String,
    },
    /// There is nothing in it, or far too much.
    #[error("the secret of {at} is empty or longer than {SECRET_BYTES_MAX} bytes")]
    Size {
        /// Where it was looked for.
        at: String,
    },
}

impl SecretAt {
    /// Has a relative file start from this folder.
    pub fn root_at(&mut self, base: &Path) {
        if let Self::File(path) = self {
            *path = base.join(&*path);
        }
    }

    /// Fetches it.
    ///
    /// # Errors
    /// Where it is not there, cannot be read, is empty or is too long.
    pub fn fetch(&self) -> Result<Secret, SecretError> {
        let (at, text) = match self {
            Self::File(path) => {
                let io = |source| SecretError::File { path: path.clone(), source };
                if std::fs::metadata(path).map_err(io)?.len() > SECRET_BYTES_MAX {
                    return Err(SecretError::Size { at: path.display().to_string() });
                }
                (path.display().to_string(), std::fs::read_to_string(path).map_err(io)?)
            }
            Self::Env(name) => {
                (format!("${name}"), std::env::var(name).map_err(|_| SecretError::Env { name: name.clone() })?)
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(SecretError::Size { at });
        }
        Ok(Secret(text.to_owned()))
    }
}

/// The shape in the file: `{ file = "…" }` or `{ env = "…" }`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    file: Option<PathBuf>,
    env: Option<String>,
}

impl<'de> Deserialize<'de> for SecretAt {
    /// A text standing there itself is refused, so that a configuration can be shown around.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const WANTED: &str = "a secret is kept elsewhere: write { file = \"…\" } or { env = \"…\" }";
        let shape = Shape::deserialize(deserializer).map_err(|_| D::Error::custom(WANTED))?;
        match (shape.file, shape.env) {
            (Some(file), None) => Ok(Self::File(file)),
            (None, Some(env)) => Ok(Self::Env(env)),
            _ => Err(D::Error::custom(WANTED)),
        }
    }
}
