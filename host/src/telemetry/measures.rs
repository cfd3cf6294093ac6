//! What the host counts of itself, for Prometheus. Counters belong to the process, as the log does: whoever has something to
//! count does so here, and no room hands them on.
//!
//! No measure bears a target's name: there may be ten thousand. Who counts per target does so in numbers of his own first
//! ([`Batch`]) and hands them in once per turn. `docs/operations.md` lists all of them; a test holds it to this.

mod book;
mod durations;
mod process;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;

pub use self::book::Form;
use self::book::{Book, Labelled};
use self::durations::Durations;
pub use self::durations::{Batch, Scale};

struct Measures {
    book: Book,
    turns: Labelled<Counter, 1>,
    turn: Labelled<Durations, 1>,
    stages: Labelled<Durations, 2>,
    evaluations: Labelled<Counter, 2>,
    evaluating: Labelled<Durations, 1>,
    faults: Labelled<Counter, 2>,
    restraints: Labelled<Counter, 1>,
    begun: Labelled<Counter, 2>,
    ended: Labelled<Counter, 3>,
    source_errors: Labelled<Counter, 1>,
    asking: Labelled<Durations, 1>,
    backend_errors: Labelled<Counter, 1>,
    listing: Labelled<Durations, 1>,
    readings: Labelled<Counter, 1>,
    ages: Durations,
    writing: Durations,
    uploads: Labelled<Counter, 1>,
    uploading: Durations,
    requests: Labelled<Counter, 3>,
    requesting: Labelled<Durations, 2>,
    connections: Gauge,
    handshakes: Labelled<Counter, 1>,
    reloads: Labelled<Counter, 1>,
    expires: Gauge,
    streams: Gauge,
    spans: Labelled<Counter, 1>,
    labels_refused: Labelled<Counter, 1>,
    notices: Labelled<Counter, 2>,
    table_reads: Labelled<Counter, 2>,
    table_rows: Labelled<Gauge, 2>,
}

static MEASURES: LazyLock<Measures> = LazyLock::new(Measures::new);

/// What is looked up when somebody asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moment {
    /// Targets that are known.
    pub targets: usize,
    /// Those of which fewer instances serve than are desired.
    pub unready: usize,
    /// Those with a change in flight.
    pub in_flight: usize,
    /// Backends that could not be seen at their last turn.
    pub drivers_unseen: usize,
    /// Whether everything is frozen.
    pub frozen: bool,
    /// Targets on which a policy is not asked, having failed too often, by its name.
    pub quarantined: BTreeMap<String, usize>,
    /// Bytes that the store's content takes.
    pub store_bytes: u64,
}

/// What one policy came to in some evaluations.
#[derive(Debug, Clone)]
pub struct Evaluated {
    /// How often it came to what.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// How often it failed how; also among `outcomes`.
    pub faults: BTreeMap<&'static str, u64>,
    /// How long it took, where it ran.
    pub took: Batch,
}

impl Default for Evaluated {
    fn default() -> Self {
        Self { outcomes: BTreeMap::new(), faults: BTreeMap::new(), took: Batch::new(Scale::Fine) }
    }
}

/// A turn of a backend was made; it and its stages took so long.
pub fn turn(driver: &str, took: Duration, stages: &[(&'static str, Duration)]) {
    MEASURES.turns.of([driver]).inc();
    MEASURES.turn.of([driver]).observe(took);
    for (stage, took) in stages {
        MEASURES.stages.of([driver, stage]).observe(*took);
    }
}

/// A policy was asked for some targets.
pub fn evaluated(policy: &str, evaluated: &Evaluated) {
    for (outcome, times) in &evaluated.outcomes {
        MEASURES.evaluations.of([policy, outcome]).inc_by(*times);
    }
    for (fault, times) in &evaluated.faults {
        MEASURES.faults.of([policy, fault]).inc_by(*times);
    }
    MEASURES.evaluating.of([policy]).add(&evaluated.took);
}

/// Wishes were held back.
pub fn restrained(word: &str, times: u64) {
    MEASURES.restraints.of([word]).inc_by(times);
}

/// A change was begun.
pub fn change_begun(driver: &str, kind: &str) {
    MEASURES.begun.of([driver, kind]).inc();
}

/// A change has ended.
pub fn change_ended(driver: &str, kind: &str, outcome: &str) {
    MEASURES.ended.of([driver, kind, outcome]).inc();
}

/// A reading could not be had.
pub fn source_error(source: &str) {
    MEASURES.source_errors.of([source]).inc();
}

/// A source was asked a question; it took so long, whatever it said.
pub fn source_asked(source: &str, took: Duration) {
    MEASURES.asking.of([source]).observe(took);
}

/// A backend could not be listed.
pub fn backend_error(driver: &str) {
    MEASURES.backend_errors.of([driver]).inc();
}

/// A backend was asked what is there; it took so long, whatever it said.
pub fn backend_asked(driver: &str, took: Duration) {
    MEASURES.listing.of([driver]).observe(took);
}

/// So many readings were as fresh as that.
pub fn readings(freshness: &str, count: u64) {
    MEASURES.readings.of([freshness]).inc_by(count);
}

/// Ages of the newest samples of readings, on [`Scale::Age`].
pub fn reading_ages(ages: &Batch) {
    MEASURES.ages.add(ages);
}

/// The store made a turn's records and states durable.
pub fn store_written(took: Duration) {
    MEASURES.writing.observe(took);
}

/// An upload was seen through.
pub fn upload(outcome: &str, took: Duration) {
    MEASURES.uploads.of([outcome]).inc();
    MEASURES.uploading.observe(took);
}

/// The API answered. `route` is the template, not the path.
pub fn request(method: &str, route: &str, status: u16, took: Duration) {
    MEASURES.requests.of([method, route, &status.to_string()]).inc();
    MEASURES.requesting.of([method, route]).observe(took);
}

/// Something that is counted as long as it is there.
#[derive(Debug)]
pub struct Open(&'static Gauge);

impl Open {
    fn new(gauge: &'static Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A connection to the API, until the value is dropped.
#[must_use]
pub fn connection() -> Open {
    Open::new(&MEASURES.connections)
}

/// Somebody who follows events, until the value is dropped.
#[must_use]
pub fn event_stream() -> Open {
    Open::new(&MEASURES.streams)
}

/// A TLS handshake came to this.
pub fn handshake(outcome: &str) {
    MEASURES.handshakes.of([outcome]).inc();
}

/// The certificate was read, and ends then (in seconds since the Unix epoch, where that is known), or the old one is in force.
pub fn certificate(read: Result<Option<i64>, ()>) {
    MEASURES.reloads.of([if read.is_ok() { "taken" } else { "refused" }]).inc();
    if let Ok(Some(expires_s)) = read {
        MEASURES.expires.set(expires_s);
    }
}

/// Spans were sent, lost since nobody took them (`failed`), or dropped since too many waited (`dropped`).
pub fn spans(outcome: &str, count: usize) {
    MEASURES.spans.of([outcome]).inc_by(count as u64);
}

/// Labels of a workload made no sense to a binding, and did not before or for another reason.
pub fn labels_refused(binding: &str) {
    MEASURES.labels_refused.of([binding]).inc();
}

/// So many notices of that name were `sent`, or stayed `untold`: beyond its rate, or since nobody took them.
pub fn notices(notice: &str, outcome: &str, count: u64) {
    MEASURES.notices.of([notice, outcome]).inc_by(count);
}

/// A table of bindings was read (`read`), or not (`failed`).
pub fn table_read(table: &str, outcome: &str) {
    MEASURES.table_reads.of([table, outcome]).inc();
}

/// So many rows of a table of bindings are in force, and so many were refused.
pub fn table_rows(table: &str, in_force: usize, refused: usize) {
    for (state, rows) in [("in-force", in_force), ("refused", refused)] {
        MEASURES.table_rows.of([table, state]).set(i64::try_from(rows).unwrap_or(i64::MAX));
    }
}

/// All of it, as text.
///
/// # Errors
/// Where it cannot be put into words, which would be a bug.
pub fn text(moment: &Moment, form: Form) -> Result<String, fmt::Error> {
    book::text([&MEASURES.book, &now(moment), &process::book()], form)
}

/// What is looked up.
fn now(moment: &Moment) -> Book {
    let mut book = Book::new("trimtab");
    let mut gauge = |name, help, value: u64| {
        let gauge: Gauge = book.gauge(name, help);
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    };
    gauge("targets", "Targets that are known", moment.targets as u64);
    gauge("targets_unready", "Targets of which fewer instances serve than are desired", moment.unready as u64);
    gauge("targets_in_flight", "Targets with a change in flight", moment.in_flight as u64);
    gauge("backends_unseen", "Backends that could not be listed at their last turn", moment.drivers_unseen as u64);
    gauge("frozen", "Whether everything is frozen", u64::from(moment.frozen));
    gauge("store_bytes", "Bytes that the content of the store takes", moment.store_bytes);
    let quarantined = book.gauges(
        "quarantined_targets",
        ["policy"],
        "Targets on which a policy is not asked, having failed too often",
    );
    for (policy, targets) in &moment.quarantined {
        quarantined.of([policy]).set(i64::try_from(*targets).unwrap_or(i64::MAX));
    }
    book
}

impl Measures {
    fn new() -> Self {
        let mut book = Book::new("trimtab");
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        book.info("build", &["version"], "The version of this trimtab", Info::new(version));
        Self {
            turns: book.counters("turns", ["driver"], "Turns that were made"),
            turn: book.seconds("turn_duration", ["driver"], "Time that a turn took", Durations::coarse),
            stages: book.seconds(
                "turn_stage_duration",
                ["driver", "stage"],
                "Time that a turn spent in a stage",
                Durations::coarse,
            ),
            evaluations: book.counters(
                "evaluations",
                ["policy", "outcome"],
                "Evaluations of policies, by what they came to",
            ),
            evaluating: book.seconds(
                "evaluation_duration",
                ["policy"],
                "Time that an evaluation took",
                Durations::fine,
            ),
            faults: book.counters("faults", ["policy", "fault"], "Evaluations in which the policy failed, by how"),
            restraints: book.counters("restraints", ["restraint"], "Wishes that were held back, by what"),
            begun: book.counters("changes_begun", ["driver", "kind"], "Changes that were begun"),
            ended: book.counters("changes", ["driver", "kind", "outcome"], "Changes that ended, by what came of them"),
            source_errors: book.counters("source_errors", ["source"], "Readings that could not be had"),
            asking: book.seconds(
                "source_duration",
                ["source"],
                "Time that a source took over one question",
                Durations::coarse,
            ),
            backend_errors: book.counters("backend_errors", ["driver"], "Lists of backends that could not be had"),
            listing: book.seconds(
                "backend_list_duration",
                ["driver"],
                "Time that a backend took to list what is there",
                Durations::coarse,
            ),
            readings: book.counters("readings", ["freshness"], "Readings that policies were shown"),
            ages: book.second(
                "reading_age",
                "Age of the newest sample of a reading when policies were shown it",
                Durations::age,
            ),
            writing: book.second(
                "store_write_duration",
                "Time that the store took to make a part of a turn durable",
                Durations::coarse,
            ),
            uploads: book.counters("uploads", ["outcome"], "Policies that were uploaded, by what came of them"),
            uploading: book.second(
                "upload_duration",
                "Time from an upload's last byte until it was compiled and tried, or refused",
                Durations::coarse,
            ),
            requests: book.counters("api_requests", ["method", "route", "status"], "Requests that the API answered"),
            requesting: book.seconds(
                "api_request_duration",
                ["method", "route"],
                "Time until the API answered",
                Durations::coarse,
            ),
            connections: book.gauge("api_connections", "Connections to the API"),
            handshakes: book.counters(
                "tls_handshakes",
                ["outcome"],
                "TLS handshakes with the API, by what came of them",
            ),
            reloads: book.counters("tls_reloads", ["outcome"], "Times that the API's certificate was read"),
            expires: book.gauge(
                "tls_certificate_expiry_timestamp_seconds",
                "When the API's certificate ends, in seconds since the Unix epoch; 0: unknown",
            ),
            streams: book.gauge("event_streams", "Callers that follow events"),
            spans: book.counters("spans", ["outcome"], "Spans for the tracing server, by what came of them"),
            labels_refused: book.counters(
                "labels_refused",
                ["binding"],
                "Times that labels of a workload could not be taken",
            ),
            notices: book.counters("notices", ["notice", "outcome"], "Notices for people, by what came of them"),
            table_reads: book.counters(
                "binding_table_reads",
                ["table", "outcome"],
                "Readings of tables of bindings, by what came of them",
            ),
            table_rows: book.gauges("binding_table_rows", ["table", "state"], "Rows of tables of bindings"),
            book,
        }
    }
}
