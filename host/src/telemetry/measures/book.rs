//! Families of measures: made, listed, limited in their number of series, and put into text.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::durations::Durations;

/// Series of one family. Some labels are names that people choose, and whoever makes names may make many.
const SERIES_MAX: usize = 500;

/// The value of every label of the series that takes what comes beyond.
const OTHER: &str = "other";

/// The end of a text in OpenMetrics. There may be one only.
const END: &str = "# EOF\n";

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' older text form, 0.0.4.
    Prometheus,
}

/// Some families.
#[derive(Debug)]
pub(super) struct Book {
    registry: Registry,
    pub(super) known: Vec<Known>,
    prefix: &'static str,
}

/// One family, as it is documented.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    /// As it stands in Prometheus.
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) labels: Vec<&'static str>,
}

type Labels<const N: usize> = [(&'static str, String); N];

/// A family whose series are told apart by labels.
#[derive(Debug, Clone)]
pub(super) struct Labelled<M, const N: usize> {
    names: [&'static str; N],
    family: Family<Labels<N>, M, fn() -> M>,
    made: Arc<AtomicUsize>,
}

impl<M: Clone + fmt::Debug, const N: usize> Labelled<M, N> {
    fn new(names: [&'static str; N], make: fn() -> M) -> Self {
        Self { names, family: Family::new_with_constructor(make), made: Arc::default() }
    }

    /// The series of these values.
    pub(super) fn of(&self, values: [&str; N]) -> M {
        let labels = self.labels(values);
        if let Some(series) = self.family.get(&labels) {
            return series.clone();
        }
        if self.made.fetch_add(1, Ordering::Relaxed) < SERIES_MAX {
            return self.family.get_or_create_owned(&labels);
        }
        self.made.store(SERIES_MAX, Ordering::Relaxed);
        self.family.get_or_create_owned(&self.labels([OTHER; N]))
    }

    fn labels(&self, values: [&str; N]) -> Labels<N> {
        let mut values = values.into_iter();
        self.names.map(|name| (name, values.next().unwrap_or_default().to_owned()))
    }
}

impl Book {
    /// An empty one, all of whose names begin so; empty: as they are.
    pub(super) fn new(prefix: &'static str) -> Self {
        let registry = if prefix.is_empty() { Registry::default() } else { Registry::with_prefix(prefix) };
        Self { registry, known: Vec::new(), prefix }
    }

    pub(super) fn counters<const N: usize>(
        &mut self,
        name: &str,
        labels: [&'static str; N],
        help: &str,
    ) -> Labelled<Counter, N> {
        let made = Labelled::new(labels, Counter::default);
        self.add(name, help, made.family.clone());
        self.note(format!("{name}_total"), "counter", &labels);
        made
    }

    pub(super) fn gauges<const N: usize>(
        &mut self,
        name: &str,
        labels: [&'static str; N],
        help: &str,
    ) -> Labelled<Gauge, N> {
        let made = Labelled::new(labels, Gauge::default);
        self.add(name, help, made.family.clone());
        self.note(name.to_owned(), "gauge", &labels);
        made
    }

    pub(super) fn seconds<const N: usize>(
        &mut self,
        name: &str,
        labels: [&'static str; N],
        help: &str,
        make: fn() -> Durations,
    ) -> Labelled<Durations, N> {
        let made = Labelled::new(labels, make);
        self.registry.register_with_unit(name, help, Unit::Seconds, made.family.clone());
        self.note(format!("{name}_seconds"), "histogram", &labels);
        made
    }

    /// A histogram without labels.
    pub(super) fn second(&mut self, name: &str, help: &str, make: fn() -> Durations) -> Durations {
        let made = make();
        self.registry.register_with_unit(name, help, Unit::Seconds, made.clone());
        self.note(format!("{name}_seconds"), "histogram", &[]);
        made
    }

    /// A gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        let made = Gauge::default();
        self.add(name, help, made.clone());
        self.note(name.to_owned(), "gauge", &[]);
        made
    }

    /// A gauge without labels whose value is no whole number.
    pub(super) fn gauge_f64(&mut self, name: &str, help: &str, value: f64) {
        let made: Gauge<f64, std::sync::atomic::AtomicU64> = Gauge::default();
        made.set(value);
        self.add(name, help, made);
        self.note(name.to_owned(), "gauge", &[]);
    }

    /// A counter without labels that somebody else counts.
    pub(super) fn counted(&mut self, name: &str, help: &str, value: f64) {
        let made: Counter<f64, std::sync::atomic::AtomicU64> = Counter::default();
        made.inc_by(value);
        self.add(name, help, made);
        self.note(format!("{name}_total"), "counter", &[]);
    }

    /// What does not change.
    pub(super) fn info(
        &mut self,
        name: &str,
        labels: &[&'static str],
        help: &str,
        info: Info<Vec<(&'static str, &'static str)>>,
    ) {
        self.registry.register(name, help, info);
        self.note(format!("{name}_info"), "gauge", labels);
    }

    fn add<M>(&mut self, name: &str, help: &str, made: M)
    where
        M: EncodeMetric + TypedMetric + fmt::Debug + Send + Sync + 'static,
    {
        self.registry.register(name, help, made);
    }

    fn note(&mut self, name: String, kind: &'static str, labels: &[&'static str]) {
        let name = if self.prefix.is_empty() { name } else { format!("{}_{name}", self.prefix) };
        self.known.push(Known { name, kind, labels: labels.to_vec() });
    }
}

/// All families of these books.
pub(super) fn text<'a>(books: impl IntoIterator<Item = &'a Book>, form: Form) -> Result<String, fmt::Error> {
    let mut whole = String::new();
    for book in books {
        let mut text = String::new();
        encode(&mut text, &book.registry)?;
        whole.push_str(text.strip_suffix(END).unwrap_or(&text));
    }
    Ok(match form {
        Form::OpenMetrics => whole + END,
        Form::Prometheus => classic(&whole),
    })
}

/// The older form: families are called as their samples are, there are no units, and what does not change is a gauge.
fn classic(text: &str) -> String {
    let mut classic = String::with_capacity(text.len());
    let mut kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).peekable();
    for line in text.lines() {
        let Some((word, rest)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(' ')) else {
            classic.push_str(line);
            classic.push('\n');
            continue;
        };
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        // A family's help stands before its type, and its unit after it.
        let kind = kinds.peek().filter(|(of, _)| *of == name).map(|(_, kind)| *kind);
        let suffix = match kind {
            Some("counter") => "_total",
            Some("info") => "_info",
            _ => "",
        };
        match word {
            "HELP" => classic.push_str(&format!("# HELP {name}{suffix} {rest}\n")),
            "TYPE" => {
                let rest = if rest == "info" { "gauge" } else { rest };
                classic.push_str(&format!("# TYPE {name}{suffix} {rest}\n"));
                kinds.next();
            }
            _ => {}
        }
    }
    classic
}
