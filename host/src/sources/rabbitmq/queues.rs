//! What the management API lists, and what can be asked of it.

use std::collections::HashMap;

use serde::Deserialize;

use crate::sources::fetch::shorten;

/// The columns asked for: without them the broker sends some kilobytes for each queue.
pub(super) const COLUMNS: &str = "name,state,messages,messages_ready,messages_unacknowledged,message_bytes,consumers,\
     message_stats.publish_details.rate,message_stats.deliver_get_details.rate,message_stats.ack_details.rate";

/// Stands for the target's name in a queue's.
const TARGET: &str = "{target}";

/// A query that could be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    measure: &'static Measure,
    queue: &'a str,
}

#[derive(Debug)]
struct Measure {
    name: &'static str,
    value: fn(&Queue) -> Option<f64>,
}

const MEASURES: &[Measure] = &[
    Measure { name: "messages", value: |queue| queue.messages },
    Measure { name: "messages_ready", value: |queue| queue.messages_ready },
    Measure { name: "messages_unacknowledged", value: |queue| queue.messages_unacknowledged },
    Measure { name: "message_bytes", value: |queue| queue.message_bytes },
    Measure { name: "consumers", value: |queue| queue.consumers },
    Measure { name: "publish_rate", value: |queue| queue.rate(|stats| stats.publish_details.as_ref()) },
    Measure { name: "deliver_rate", value: |queue| queue.rate(|stats| stats.deliver_get_details.as_ref()) },
    Measure { name: "ack_rate", value: |queue| queue.rate(|stats| stats.ack_details.as_ref()) },
];

impl<'a> Query<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let text = text.trim();
        let Some((word, queue)) = text.split_once(char::is_whitespace) else {
            return Err("write a measure and a queue, as `messages_ready jobs-{target}`".to_owned());
        };
        let measure = MEASURES.iter().find(|measure| measure.name == word).ok_or_else(|| {
            let known: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
            format!("there is no measure {word:?}; there are {}", known.join(", "))
        })?;
        Ok(Self { measure, queue: queue.trim_start() })
    }

    /// The queue of this target.
    pub(super) fn queue(&self, target: &str) -> String {
        self.queue.replace(TARGET, target)
    }
}

/// All queues of a virtual host, by name.
#[derive(Debug)]
pub(super) struct Queues(HashMap<String, Queue>);

#[derive(Debug, Deserialize)]
struct Queue {
    name: String,
    state: Option<String>,
    messages: Option<f64>,
    messages_ready: Option<f64>,
    messages_unacknowledged: Option<f64>,
    message_bytes: Option<f64>,
    consumers: Option<f64>,
    message_stats: Option<Stats>,
}

#[derive(Debug, Deserialize)]
struct Stats {
    publish_details: Option<Rate>,
    deliver_get_details: Option<Rate>,
    ack_details: Option<Rate>,
}

#[derive(Debug, Deserialize)]
struct Rate {
    rate: Option<f64>,
}

impl Queue {
    fn rate(&self, of: fn(&Stats) -> Option<&Rate>) -> Option<f64> {
        of(self.message_stats.as_ref()?)?.rate
    }
}

impl Queues {
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let listed: Vec<Queue> = serde_json::from_slice(body)
            .map_err(|error| format!("it is not RabbitMQ's list of queues: {}", shorten(&error.to_string())))?;
        Ok(Self(listed.into_iter().map(|queue| (queue.name.clone(), queue)).collect()))
    }

    /// The number, or why there is none.
    pub(super) fn value(&self, query: &Query<'_>, queue: &str) -> Result<f64, String> {
        let queue = self.0.get(queue).ok_or("the broker has no such queue in this virtual host")?;
        // What a queue without its node had last is no measurement.
        if let Some(state) = queue.state.as_deref().filter(|state| matches!(*state, "down" | "stopped" | "crashed")) {
            return Err(format!("the queue is {}", shorten(state)));
        }
        (query.measure.value)(queue).ok_or_else(|| format!("the broker does not tell its {} yet", query.measure.name))
    }
}
