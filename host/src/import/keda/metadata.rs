//! What the metadata of KEDA's scalers means: one row per type of trigger.

use crate::import::promql::{matcher, selector};

/// A type of trigger whose figure is shared by the replicas.
pub(super) struct Scaler {
    /// `type` of the trigger.
    pub(super) word: &'static str,
    /// Keys of the figure per replica, the one that counts first.
    pub(super) threshold: &'static [&'static str],
    /// What holds where none of them is given.
    pub(super) default: f64,
    /// Keys of the figure up to which there is nothing to do.
    pub(super) activation: &'static [&'static str],
    /// Keys that name the queue; their values are shown, no others are.
    pub(super) names: &'static [&'static str],
    pub(super) family: Family,
    /// A query for the usual exporter, from the values of `names`.
    pub(super) query: Option<fn(&[String]) -> String>,
}

/// Who decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Things that wait: `queue-depth`.
    Queue,
    /// Any other figure: `target-tracking`.
    Figure,
}

/// There is no default: without a threshold nobody knows what is meant.
const NONE: f64 = 0.0;

/// All types that are known, besides cpu, memory, cron and prometheus.
pub(super) const SCALERS: &[Scaler] = &[
    Scaler {
        word: "rabbitmq",
        threshold: &["value", "queueLength"],
        default: 20.0,
        activation: &["activationValue"],
        names: &["queueName"],
        family: Family::Queue,
        query: Some(|names| {
            format!("sum({})", selector("rabbitmq_queue_messages", &[matcher("queue", "=", at(names, 0))]))
        }),
    },
    Scaler {
        word: "kafka",
        threshold: &["lagThreshold"],
        default: 10.0,
        activation: &["activationLagThreshold"],
        names: &["consumerGroup", "topic"],
        family: Family::Queue,
        query: Some(kafka),
    },
    Scaler {
        word: "apache-kafka",
        threshold: &["lagThreshold"],
        default: 10.0,
        activation: &["activationLagThreshold"],
        names: &["consumerGroup", "topic"],
        family: Family::Queue,
        query: Some(kafka),
    },
    Scaler {
        word: "redis",
        threshold: &["listLength"],
        default: 5.0,
        activation: &["activationListLength"],
        names: &["listName"],
        family: Family::Queue,
        query: Some(|names| format!("sum({})", selector("redis_key_size", &[matcher("key", "=", at(names, 0))]))),
    },
    queue("redis-cluster", &["listLength"], 5.0, &["activationListLength"], &["listName"]),
    queue("redis-sentinel", &["listLength"], 5.0, &["activationListLength"], &["listName"]),
    queue(
        "redis-streams",
        &["pendingEntriesCount", "streamLength", "lagCount"],
        5.0,
        &["activationLagCount"],
        &["stream", "consumerGroup"],
    ),
    // An SQS queue's address holds the account and no secret, but only its last part names the queue.
    queue("aws-sqs-queue", &["queueLength"], 5.0, &["activationQueueLength"], &["queueURL"]),
    // Shards do not wait: they are there.
    Scaler {
        word: "aws-kinesis-stream",
        threshold: &["shardCount"],
        default: 2.0,
        activation: &["activationShardCount"],
        names: &["streamName"],
        family: Family::Figure,
        query: None,
    },
    queue("azure-queue", &["queueLength"], 5.0, &["activationQueueLength"], &["queueName"]),
    queue(
        "azure-servicebus",
        &["messageCount"],
        5.0,
        &["activationMessageCount"],
        &["queueName", "topicName", "subscriptionName"],
    ),
    queue(
        "azure-eventhub",
        &["unprocessedEventThreshold"],
        64.0,
        &["activationUnprocessedEventThreshold"],
        &["eventHubName"],
    ),
    queue("gcp-pubsub", &["value", "subscriptionSize"], 10.0, &["activationValue"], &["subscriptionName", "topicName"]),
    queue("nats-jetstream", &["lagThreshold"], 10.0, &["activationLagThreshold"], &["stream", "consumer"]),
    queue("stan", &["lagThreshold"], 10.0, &["activationLagThreshold"], &["queueGroup", "subject"]),
    queue("activemq", &["targetQueueSize"], 10.0, &["activationTargetQueueSize"], &["destinationName"]),
    queue("artemis-queue", &["queueLength"], 10.0, &["activationQueueLength"], &["queueName"]),
    queue("ibmmq", &["queueDepth"], 20.0, &["activationQueueDepth"], &["queueName"]),
    queue("pulsar", &["msgBacklogThreshold"], 10.0, &["activationMsgBacklogThreshold"], &["topic", "subscription"]),
    queue("beanstalkd", &["value"], NONE, &["activationValue"], &["tube"]),
    queue("solace-event-queue", &["messageCountTarget"], NONE, &["activationMessageCountTarget"], &["queueName"]),
    figure("postgresql", &["targetQueryValue"], &["activationTargetQueryValue"]),
    figure("mysql", &["queryValue"], &["activationQueryValue"]),
    figure("mssql", &["targetValue"], &["activationTargetValue"]),
    figure("mongodb", &["queryValue"], &["activationQueryValue"]),
    figure("metrics-api", &["targetValue"], &["activationTargetValue"]),
    figure("kubernetes-workload", &["value"], &["activationValue"]),
    figure("datadog", &["targetValue", "queryValue"], &["activationTargetValue", "activationQueryValue"]),
    figure("graphite", &["threshold"], &["activationThreshold"]),
    figure("influxdb", &["thresholdValue"], &["activationThresholdValue"]),
    figure("loki", &["threshold"], &["activationThreshold"]),
    figure("new-relic", &["threshold"], &["activationThreshold"]),
    figure("elasticsearch", &["targetValue"], &["activationTargetValue"]),
    figure("aws-cloudwatch", &["targetMetricValue"], &["activationTargetMetricValue"]),
    figure("gcp-stackdriver", &["targetValue"], &["activationTargetValue"]),
    figure("azure-monitor", &["targetValue"], &["activationTargetValue"]),
    figure("azure-log-analytics", &["threshold"], &["activationThreshold"]),
];

const fn queue(
    word: &'static str,
    threshold: &'static [&'static str],
    default: f64,
    activation: &'static [&'static str],
    names: &'static [&'static str],
) -> Scaler {
    Scaler { word, threshold, default, activation, names, family: Family::Queue, query: None }
}

const fn figure(word: &'static str, threshold: &'static [&'static str], activation: &'static [&'static str]) -> Scaler {
    Scaler { word, threshold, default: NONE, activation, names: &[], family: Family::Figure, query: None }
}

fn kafka(names: &[String]) -> String {
    let mut matchers = vec![matcher("consumergroup", "=", at(names, 0))];
    if !at(names, 1).is_empty() {
        matchers.push(matcher("topic", "=", at(names, 1)));
    }
    format!("sum({})", selector("kafka_consumergroup_lag", &matchers))
}

fn at(names: &[String], index: usize) -> &str {
    names.get(index).map_or("", String::as_str)
}
