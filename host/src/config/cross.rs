//! What can only be judged with the whole file in hand: names that must exist, bindings that get in each other's way.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::{DeTable, DeValue};

use super::binding::{Binding, Select};
use super::complaint::Place;
use super::reader::{Reader, nearest_of};
use super::{Config, Room};
use crate::bounds::Mode;

/// Checks what the tables say of each other.
pub(super) fn check(config: &Config, reader: &Reader<'_>, document: &DeTable<'_>) {
    let drivers = declared(document, "driver");
    let sources = declared(document, "source");
    if config.bindings.is_empty() && declared(document, "binding").is_empty() {
        reader.warn_at(Place::default(), "", "there is no binding: nothing will be scaled", "write a [binding.NAME]");
    }
    for binding in &config.bindings {
        check_drivers(binding, &drivers, reader);
        check_sources(binding, &sources, reader);
    }
    check_names_in_use(&config.drivers, &config.bindings, reader);
    check_overlaps(&config.bindings, reader);
}

/// Names in `[driver.…]`, also those whose table has faults: a binding that names one of these is not at fault itself.
fn declared<'d>(document: &'d DeTable<'_>, key: &str) -> BTreeSet<&'d str> {
    let table = document.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.get_ref());
    match table {
        Some(DeValue::Table(named)) => named.keys().map(|name| name.get_ref().as_ref()).collect(),
        _ => BTreeSet::new(),
    }
}

fn check_drivers(binding: &Binding, known: &BTreeSet<&str>, reader: &Reader<'_>) {
    for driver in binding.select.drivers() {
        if !known.contains(driver) {
            let path = format!("binding.{}.select", binding.name);
            let what = format!("there is no driver {driver:?}");
            reader.complain_at(binding.place, &path, what, declare("driver", driver, "process", known));
        }
    }
}

fn check_sources(binding: &Binding, known: &BTreeSet<&str>, reader: &Reader<'_>) {
    for reading in &binding.readings {
        let source = reading.source.as_str();
        if !known.contains(source) {
            let path = format!("binding.{}.reading {:?}", binding.name, reading.name);
            let what = format!("there is no source {source:?}");
            let place = binding.reading_places.get(&(reading.name.clone(), reading.subject.clone()));
            let remedy = declare("source", source, "prometheus", known);
            reader.complain_at(place.copied().unwrap_or(binding.place), &path, what, remedy);
        }
    }
}

fn declare(word: &str, name: &str, kind: &str, known: &BTreeSet<&str>) -> String {
    match nearest_of(name, known.iter().copied()) {
        near if near.starts_with("did you mean") => near,
        _ => format!("declare it, for example [{word}.{name}.{kind}]"),
    }
}

fn check_names_in_use(drivers: &[Room], bindings: &[Binding], reader: &Reader<'_>) {
    let used: BTreeSet<&str> = bindings.iter().flat_map(|binding| binding.select.drivers()).collect();
    for driver in drivers.iter().filter(|driver| !bindings.is_empty() && !used.contains(driver.name.as_str())) {
        let path = format!("driver.{}", driver.name);
        reader.warn_at(driver.place, &path, "no binding selects any of its targets", "");
    }
}

/// Two acting bindings on one target hold it; where that is plain from the file alone, it is said before the start.
fn check_overlaps(bindings: &[Binding], reader: &Reader<'_>) {
    let mut by_id: BTreeMap<&str, &Binding> = BTreeMap::new();
    let mut by_labels: BTreeMap<(&str, &BTreeMap<String, String>), &Binding> = BTreeMap::new();
    for binding in bindings.iter().filter(|binding| matches!(binding.settings.mode, Mode::Act | Mode::RaiseOnly)) {
        match &binding.select {
            Select::Ids(ids) => {
                for id in ids {
                    if let Some(other) = by_id.insert(id.as_str(), binding) {
                        warn_of_overlap(binding, other, &format!("target {id}"), reader);
                    }
                }
            }
            Select::Labels { driver, labels } => {
                if let Some(other) = by_labels.insert((driver, labels), binding) {
                    warn_of_overlap(binding, other, "the same targets", reader);
                }
            }
        }
    }
    // A binding on all of a driver meets every other on it; labels of two bindings may or may not meet, so they pass here.
    let no_labels = BTreeMap::new();
    for ((driver, _), all) in by_labels.iter().filter(|((_, labels), _)| **labels == no_labels) {
        for binding in bindings.iter().filter(|binding| binding.name != all.name) {
            let same_select = binding.select == all.select;
            let acts = matches!(binding.settings.mode, Mode::Act | Mode::RaiseOnly);
            if acts && !same_select && binding.select.drivers().contains(driver) {
                warn_of_overlap(binding, all, &format!("targets of driver {driver:?}"), reader);
            }
        }
    }
}

fn warn_of_overlap(binding: &Binding, other: &Binding, what: &str, reader: &Reader<'_>) {
    reader.warn_at(
        binding.place,
        &format!("binding.{}.select", binding.name),
        format!("selects {what}, as binding {:?} on line {} does", other.name, other.place.line),
        "two acting bindings on one target hold it: narrow one, or set its mode to \"dry-run\"",
    );
}
