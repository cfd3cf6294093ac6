//! What can only be judged with the whole file in hand: drivers that nobody uses, bindings that get in each other's way.

use std::collections::{BTreeMap, BTreeSet};

use super::binding::{Binding, Select};
use super::complaint::Place;
use super::reader::Reader;
use super::{Config, Room};
use crate::bounds::Mode;

/// Warns of what the tables mean for each other.
pub(super) fn check(config: &Config, reader: &Reader<'_>) {
    if config.bindings.is_empty() {
        reader.warn_at(Place::default(), "", "there is no binding: nothing will be scaled", "write a [binding.NAME]");
    }
    check_names_in_use(&config.drivers, &config.bindings, reader);
    check_overlaps(&config.bindings, reader);
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
