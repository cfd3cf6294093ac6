//! What can be asked of a key, and how Redis is asked it.

use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};

use super::MissingKey;
use crate::sources::fetch::shorten;

/// Stands for the target's name in a key.
const TARGET: &str = "{target}";

/// Why a key without anything behind it has no number.
const NO_KEY: &str = "there is no such key";

/// A query that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Query<'a> {
    measure: Measure,
    key: &'a str,
    /// The consumer group; empty where the measure has none.
    group: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// Elements of a list.
    List,
    /// Members of a set.
    Set,
    /// Members of a sorted set.
    SortedSet,
    /// Entries of a stream, read or not.
    Stream,
    /// Entries that a group has not been given yet. Redis 7; it cannot always tell.
    Lag,
    /// Entries that a group was given and has not acknowledged.
    Pending,
    /// Both together: what is left to do.
    Backlog,
    /// Consumers of a group.
    Consumers,
}

const MEASURES: &[(&str, Measure)] = &[
    ("list", Measure::List),
    ("set", Measure::Set),
    ("zset", Measure::SortedSet),
    ("stream", Measure::Stream),
    ("lag", Measure::Lag),
    ("pending", Measure::Pending),
    ("backlog", Measure::Backlog),
    ("consumers", Measure::Consumers),
];

impl Measure {
    fn of_group(self) -> bool {
        matches!(self, Self::Lag | Self::Pending | Self::Backlog | Self::Consumers)
    }
}

impl<'a> Query<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (word, rest) = words.split_first().ok_or("there is no query; write one as `list KEY`")?;
        let found = MEASURES.iter().find(|(name, _)| name == word);
        let Some((_, measure)) = found else {
            let known: Vec<&str> = MEASURES.iter().map(|(name, _)| *name).collect();
            return Err(format!("there is no measure {word:?}; there are {}", known.join(", ")));
        };
        match (rest, measure.of_group()) {
            ([key], false) => Ok(Self { measure: *measure, key, group: "" }),
            ([key, group], true) => Ok(Self { measure: *measure, key, group }),
            (_, false) => Err(format!("write `{word} KEY`; a key with spaces cannot be asked for")),
            (_, true) => Err(format!("write `{word} KEY GROUP`; neither may hold spaces")),
        }
    }

    /// The key of this target.
    pub(super) fn key(&self, target: &str) -> String {
        self.key.replace(TARGET, target)
    }

    /// The number, or why there is none to tell.
    pub(super) async fn ask(
        &self,
        connection: &mut MultiplexedConnection,
        key: &str,
        missing: MissingKey,
    ) -> Result<Result<f64, String>, RedisError> {
        let command = match self.measure {
            Measure::List => "LLEN",
            Measure::Set => "SCARD",
            Measure::SortedSet => "ZCARD",
            Measure::Stream => return self.stream(connection, key).await,
            _ => return self.group(connection, key).await,
        };
        let count: u64 = redis::cmd(command).arg(key).query_async(connection).await?;
        // Such a key goes with its last element: nothing is the same as no key.
        let absent = count == 0 && missing == MissingKey::Absent;
        Ok(if absent { Err(NO_KEY.to_owned()) } else { Ok(number(count)) })
    }

    /// A stream outlives its last entry: it may be there and empty.
    async fn stream(
        &self,
        connection: &mut MultiplexedConnection,
        key: &str,
    ) -> Result<Result<f64, String>, RedisError> {
        let (there, count): (bool, u64) =
            redis::pipe().atomic().cmd("EXISTS").arg(key).cmd("XLEN").arg(key).query_async(connection).await?;
        Ok(if there { Ok(number(count)) } else { Err(NO_KEY.to_owned()) })
    }

    async fn group(
        &self,
        connection: &mut MultiplexedConnection,
        key: &str,
    ) -> Result<Result<f64, String>, RedisError> {
        let answer: Result<Value, _> = redis::cmd("XINFO").arg("GROUPS").arg(key).query_async(connection).await;
        match answer {
            Ok(Value::Array(groups)) => {
                let found = groups.iter().find(|group| field(group, "name").and_then(text) == Some(self.group));
                let found = found.ok_or_else(|| format!("the stream has no group {}", shorten(self.group)));
                Ok(found
                    .and_then(|group| self.of_group(group).ok_or_else(|| "the server cannot tell it now".to_owned())))
            }
            Ok(_) => Ok(Err("the server does not tell its groups".to_owned())),
            Err(error) if error.to_string().contains("no such key") => Ok(Err(NO_KEY.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// The number of our group. Missing or nil fields are unknown, not 0.
    fn of_group(&self, group: &Value) -> Option<f64> {
        let count = |name: &str| match field(group, name)? {
            Value::Int(count) => u64::try_from(*count).ok().map(number),
            _ => None,
        };
        match self.measure {
            Measure::Lag => count("lag"),
            Measure::Pending => count("pending"),
            Measure::Consumers => count("consumers"),
            Measure::Backlog => Some(count("lag")? + count("pending")?),
            Measure::List | Measure::Set | Measure::SortedSet | Measure::Stream => None,
        }
    }
}

/// A field of a group, as protocol 2 or 3 has it.
fn field<'v>(group: &'v Value, name: &str) -> Option<&'v Value> {
    match group {
        Value::Array(flat) => {
            flat.chunks_exact(2).find_map(|pair| if text(pair.first()?)? == name { pair.get(1) } else { None })
        }
        Value::Map(pairs) => pairs.iter().find_map(|(key, value)| (text(key)? == name).then_some(value)),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no queue holds 2^53 entries")]
fn number(count: u64) -> f64 {
    count as f64
}
