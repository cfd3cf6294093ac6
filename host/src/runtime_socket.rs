//! HAProxy's runtime API: one command, one answer, over a unix socket or TCP.
//!
//! One command per connection, as the management guide advises for scripts: the end of the answer is the end of the stream.
//! HAProxy tells success and failure by words alone, so what an answer means is for the caller to say. The registrar and the
//! source speak through it.

pub(crate) mod mark;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// Most bytes of a command: HAProxy's own buffer for one is 16 KiB by default, and answers share it.
const COMMAND_BYTES_MAX: usize = 8 << 10;

/// Where HAProxy takes commands, and for how long it is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeSocket {
    place: Place,
    timeout_ms: u64,
    answer_bytes_max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Unix(PathBuf),
    Tcp(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody listens, or the stream broke.
    #[error("{at} could not be spoken to")]
    Io {
        /// Where.
        at: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It took too long.
    #[error("{at} gave no answer within {timeout_ms} ms")]
    TimedOut {
        /// Where.
        at: String,
        /// The limit.
        timeout_ms: u64,
    },
    /// The answer goes on and on.
    #[error("the answer of {at} is longer than {bytes_max} bytes")]
    Long {
        /// Where.
        at: String,
        /// The limit.
        bytes_max: usize,
    },
    /// A name in the command could have been read as another command.
    #[error("{0:?} is not one command")]
    NotOne(String),
}

impl RuntimeSocket {
    /// `at` is the path of a unix socket, or `host:port`. `timeout_ms` is for one command and its whole answer.
    ///
    /// # Errors
    /// What is wrong with `at`.
    pub fn new(at: &str, timeout_ms: u64, answer_bytes_max: usize) -> Result<Self, String> {
        let place = if at.starts_with('/') {
            Place::Unix(PathBuf::from(at))
        } else {
            let port = at.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
            if !matches!(port, Some(Ok(1..))) {
                return Err(format!("{at:?} is neither the absolute path of a unix socket nor host:port"));
            }
            Place::Tcp(at.to_owned())
        };
        Ok(Self { place, timeout_ms, answer_bytes_max })
    }

    /// Sends one command and reads the answer, without the empty lines around it.
    ///
    /// # Errors
    /// Where there is no whole answer; whether the command was carried out is then unknown.
    pub async fn ask(&self, command: &str) -> Result<String, SocketError> {
        // A semicolon begins the next command, a backslash escapes, a `<<` begins a payload.
        if command.len() > COMMAND_BYTES_MAX
            || command.contains([';', '\\'])
            || command.contains("<<")
            || command.contains(char::is_control)
        {
            return Err(SocketError::NotOne(command.chars().take(200).collect()));
        }
        let answered = timeout(Duration::from_millis(self.timeout_ms), self.exchange(command)).await;
        answered.unwrap_or_else(|_| Err(SocketError::TimedOut { at: self.to_string(), timeout_ms: self.timeout_ms }))
    }

    async fn exchange(&self, command: &str) -> Result<String, SocketError> {
        let failed = |source| SocketError::Io { at: self.to_string(), source };
        let read = match &self.place {
            Place::Unix(path) => {
                talk(UnixStream::connect(path).await.map_err(failed)?, command, self.answer_bytes_max).await
            }
            Place::Tcp(at) => talk(TcpStream::connect(at).await.map_err(failed)?, command, self.answer_bytes_max).await,
        };
        let bytes = read.map_err(failed)?;
        if bytes.len() > self.answer_bytes_max {
            return Err(SocketError::Long { at: self.to_string(), bytes_max: self.answer_bytes_max });
        }
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }
}

impl std::fmt::Display for RuntimeSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Unix(path) => write!(f, "{}", path.display()),
            Place::Tcp(at) => f.write_str(at),
        }
    }
}

/// One byte more than `bytes_max` at most, so that the caller sees that there was more.
async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    command: &str,
    bytes_max: usize,
) -> std::io::Result<Vec<u8>> {
    stream.write_all(format!("{command}\n").as_bytes()).await?;
    let mut bytes = Vec::new();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    stream.take(most).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
