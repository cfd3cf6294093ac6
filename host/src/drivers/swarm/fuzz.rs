//! A fuzzer's way to what reads a swarm's lists; listed in `crate::fuzzing`.

use serde_json::Value;

use super::engine::Seen;
use super::measure::Memory;

/// Services, tasks and nodes, a list a line; and all of it as statistics of a container.
pub(crate) fn lists(input: &[u8]) -> Result<(), String> {
    let mut lists = input.split(|byte| *byte == b'\n').map(|line| {
        let list: Value = serde_json::from_slice(line).unwrap_or_default();
        Memory::of(&list);
        match list {
            Value::Array(list) => list,
            _ => Vec::new(),
        }
    });
    let mut next = || lists.next().unwrap_or_default();
    let Seen { unread, .. } = Seen::of(next(), next(), next());
    let unread = unread.services.into_iter().chain(unread.tasks).chain(unread.nodes);
    unread.last().map_or(Ok(()), |(_, why)| Err(why))
}
