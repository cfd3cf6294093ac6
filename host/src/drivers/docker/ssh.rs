//! The way to an engine by SSH: the machine's own `ssh` program, with its keys, its known hosts and its configuration, runs
//! `docker system dial-stdio` over there, which speaks the engine's API on its input and output.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tower::Service;

/// So much of what `ssh` says is told.
const SAID_BYTES: u64 = 1_000;

/// Starts `ssh` for each connection.
#[derive(Debug, Clone)]
pub(super) struct SshConnector {
    arguments: Vec<OsString>,
}

impl SshConnector {
    /// `None`: this is no address of the form `ssh://[user@]host[:port]`.
    pub(super) fn new(url: &str, key: Option<&Path>, known_hosts: Option<&Path>, patience: Duration) -> Option<Self> {
        let address: Uri = url.parse().ok()?;
        let authority = address.authority().filter(|_| address.scheme_str() == Some("ssh"))?;
        let plain = address.path_and_query().is_none_or(|path| path.as_str() == "/");
        // What begins with a dash would be taken for an option.
        let safe = |part: &str| !part.is_empty() && !part.starts_with('-');
        let user = authority.as_str().rsplit_once('@').map(|(user, _)| user);
        if !plain || !safe(authority.host()) || !user.is_none_or(|user| safe(user) && !user.contains(':')) {
            return None;
        }
        // Nobody is there to type a password, or to say whether a stranger is to be believed.
        let mut arguments: Vec<OsString> = ["-T", "-o", "BatchMode=yes", "-o"].map(Into::into).to_vec();
        arguments.push(format!("ConnectTimeout={}", patience.as_secs().max(1)).into());
        for (option, file) in [("IdentityFile", key), ("UserKnownHostsFile", known_hosts)] {
            if let Some(file) = file {
                let mut setting = OsString::from(format!("{option}=\""));
                setting.push(file);
                setting.push("\"");
                arguments.extend([OsString::from("-o"), setting]);
            }
        }
        for (option, value) in [("-l", user.map(str::to_owned)), ("-p", authority.port().map(|port| port.to_string()))]
        {
            arguments.extend(value.into_iter().flat_map(|value| [OsString::from(option), value.into()]));
        }
        let host = authority.host().trim_matches(['[', ']']);
        arguments.extend(["--", host, "docker", "system", "dial-stdio"].map(Into::into));
        Some(Self { arguments })
    }
}

impl Service<Uri> for SshConnector {
    type Response = TokioIo<SshStream>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _address: Uri) -> Self::Future {
        std::future::ready(SshStream::start(&self.arguments).map(TokioIo::new))
    }
}

/// One connection: it and `ssh` end together.
#[derive(Debug)]
pub(super) struct SshStream {
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// What it says of itself.
    said: JoinHandle<String>,
    /// Whether anything has come from over there.
    answered: bool,
    /// Killed when this is dropped.
    _child: Child,
}

impl SshStream {
    fn start(arguments: &[OsString]) -> io::Result<Self> {
        let mut command = Command::new("ssh");
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let cannot = |error: io::Error| io::Error::new(error.kind(), format!("ssh cannot be started: {error}"));
        let mut child = command.spawn().map_err(cannot)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self { stdin, stdout, said: tokio::spawn(hear(stderr)), answered: false, _child: child })
    }
}

/// All that it says, of which the beginning is kept.
async fn hear(stderr: ChildStderr) -> String {
    let mut first = Vec::new();
    let mut stderr = stderr.take(SAID_BYTES);
    // What was said before it broke off is as good.
    let _ = stderr.read_to_end(&mut first).await;
    let _ = tokio::io::copy(&mut stderr.into_inner(), &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&first).split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Connection for SshStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for SshStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        match Pin::new(&mut self.stdout).poll_read(context, into) {
            Poll::Ready(Ok(())) if into.filled().len() == before && !self.answered => {
                // It ended without a word from over there: its own words are the reason.
                let said = match Pin::new(&mut self.said).poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(said) => said.unwrap_or_default(),
                };
                self.answered = true;
                Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionRefused, format!("ssh: {said}"))))
            }
            Poll::Ready(Ok(())) => {
                self.answered = true;
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(context)
    }
}
