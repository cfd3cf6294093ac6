//! A fuzzer's way to what reads RabbitMQ's lists; listed in `crate::fuzzing`.

use super::queues::{Query, Queues};

/// The first line is a query, the rest the management API's list of queues.
pub(crate) fn queues(input: &[u8]) -> Result<(), String> {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (query, body) = input.split_at(line);
    let query = String::from_utf8_lossy(query);
    let query = Query::parse(&query)?;
    let value = Queues::read(body)?.value(&query, &query.queue("web"))?;
    assert!(value.is_finite(), "JSON holds no such number: {value}");
    Ok(())
}
