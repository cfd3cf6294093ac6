//! A host's events, read as they come; where the connection breaks, it is made again and goes on after the last event.

use std::time::Duration;

use anyhow::Result;
use reqwest::{Method, Response};
use serde_json::Value;

use super::Remote;

/// The host sends at least a comment after 15 s: after three of them missing, nobody is there.
const SILENCE: Duration = Duration::from_secs(45);
/// Between two tries to come back.
const AGAIN: Duration = Duration::from_secs(1);
/// A stream has no end of its own.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
/// No event of ours is longer.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Heard {
    pub(in crate::cli) kind: String,
    pub(in crate::cli) data: Value,
}

/// What the listener says to what it heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Followed {
    /// It wants more.
    On,
    /// It has heard enough.
    Enough,
}

impl Remote {
    /// Follows a host's events until `hear` has heard enough. `lost` is told when the connection broke, once each time.
    ///
    /// # Errors
    /// Where the host could not be asked in the first place, says no, or what was heard cannot be told.
    pub(in crate::cli) fn follow(
        &self,
        path: &str,
        mut lost: impl FnMut(&str),
        mut hear: impl FnMut(Heard) -> Result<Followed>,
    ) -> Result<()> {
        self.runtime.block_on(async {
            let mut reader = Reader::default();
            let mut answer = Some(self.open_stream(path, None).await?);
            loop {
                let why = match answer.take() {
                    Some(stream) => match reader.read(stream, &mut hear).await? {
                        None => return Ok(()),
                        Some(why) => why,
                    },
                    None => String::new(),
                };
                if !why.is_empty() {
                    lost(&why);
                }
                tokio::time::sleep(AGAIN).await;
                answer = match self.open_stream(path, reader.last.as_deref()).await {
                    Ok(stream) => Some(stream),
                    // It says no: by waiting that becomes no yes.
                    Err(error) if error.chain().any(|cause| cause.is::<super::Fail>()) => return Err(error),
                    Err(_away) => None,
                };
            }
        })
    }

    async fn open_stream(&self, path: &str, last: Option<&str>) -> Result<Response> {
        use anyhow::Context as _;
        let mut request = self.request(Method::GET, path).header("accept", "text/event-stream").timeout(NEVER);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let sent = tokio::time::timeout(SILENCE, request.send()).await.context("the host does not answer")?;
        let answer = sent.map_err(|error| self.unanswered(error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        self.read(answer).await?.good()?;
        Err(super::Fail::usage(format!("{} has no events to follow", self.host)))
    }
}

/// Takes a stream of events apart, as far as our host uses their form.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The id of the last event.
    last: Option<String>,
    bytes: Vec<u8>,
}

impl Reader {
    /// Reads until the stream ends, and says why; `None`: enough was heard.
    async fn read(
        &mut self,
        mut stream: Response,
        hear: &mut impl FnMut(Heard) -> Result<Followed>,
    ) -> Result<Option<String>> {
        self.bytes.clear();
        loop {
            let piece = match tokio::time::timeout(SILENCE, stream.chunk()).await {
                Err(_silent) => return Ok(Some("the host is silent".to_owned())),
                Ok(Err(error)) => {
                    return Ok(Some(format!("the connection broke: {}", crate::causes::root_cause(&error))));
                }
                Ok(Ok(None)) => return Ok(Some("the host ended the stream".to_owned())),
                Ok(Ok(Some(piece))) => piece,
            };
            for heard in self.take(&piece) {
                if hear(heard)? == Followed::Enough {
                    return Ok(None);
                }
            }
            if self.bytes.len() > EVENT_BYTES_MAX {
                return Ok(Some("the host sends what is no event".to_owned()));
            }
        }
    }

    /// The events that are whole with this piece.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<Heard> {
        self.bytes.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block).into_owned();
            let field = |name: &str| {
                let rest = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
                Some(rest.strip_prefix(' ').unwrap_or(rest).to_owned())
            };
            if let Some(id) = field("id") {
                self.last = Some(id);
            }
            if let Some(data) = field("data").and_then(|data| serde_json::from_str(&data).ok()) {
                events.push(Heard { kind: field("event").unwrap_or_default(), data });
            }
        }
        events
    }

    #[cfg(test)]
    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_arrive_in_any_pieces_and_comments_are_none() {
        let stream = b":\n\nid: 7\nevent: begun\ndata: {\"to\":3}\n\n: alive\n\nevent: gap\ndata: {}\n\nid: 9\nda";
        let mut whole = Reader::default();
        let told = whole.take(stream);
        assert_eq!(told.iter().map(|heard| heard.kind.as_str()).collect::<Vec<_>>(), ["begun", "gap"]);
        assert_eq!(told[0].data["to"], 3);
        assert_eq!(whole.last(), Some("7"), "a gap has no number");
        let mut bytewise = Reader::default();
        let again: Vec<Heard> = stream.chunks(1).flat_map(|byte| bytewise.take(byte)).collect();
        assert_eq!(again, told);
    }
}
