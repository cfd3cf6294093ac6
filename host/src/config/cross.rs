//! What can only be judged with the whole file in hand: drivers that nobody uses, bindings that get in each other's way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::binding::{Binding, Declared, Select};
use super::complaint::Place;
use super::reader::{Reader, nearest_of};
use super::rooms::Mark;
use super::{Config, DriverKind, Named};
use crate::bounds::Mode;

/// Warns of what the tables mean for each other.
pub(super) fn check(config: &Config, declared: &Declared, reader: &Reader<'_>) {
    // Which targets the rows of tables select is not known here.
    let has_tables = !config.tables.is_empty();
    if config.bindings.is_empty() && !has_tables {
        reader.warn_at(Place::default(), "", "there is no binding: nothing will be scaled", "write a [binding.NAME]");
    }
    check_registrars(config, declared, reader);
    check_marks(config, reader);
    check_pools(config, reader);
    if !has_tables {
        check_names_in_use(&config.drivers, &config.bindings, reader);
    }
    check_overlaps(&config.bindings, reader);
}

fn check_registrars(config: &Config, declared: &Declared, reader: &Reader<'_>) {
    let mut listeners: BTreeMap<SocketAddr, &str> = BTreeMap::new();
    for Named { name, kind, place } in &config.registrars {
        let path = format!("registrar.{name}.{}", kind.word());
        if kind.serves().is_empty() {
            reader.complain_at(*place, &path, "serves nothing", "name targets: serves = [\"driver/name\"]");
        }
        for target in kind.serves().iter().filter(|target| !declared.drivers.contains(target.driver())) {
            let remedy = nearest_of(target.driver(), declared.drivers.iter().map(String::as_str));
            let what = format!("serves {target}, and there is no driver {:?}", target.driver());
            reader.complain_at(*place, &path, what, remedy);
        }
        // Port 0 takes a free one, so two of them are two.
        if let Some(listen) = kind.listen().filter(|listen| listen.port() != 0)
            && let Some(other) = listeners.insert(listen, name)
        {
            let what = format!("listens on {listen}, as registrar {other:?} does");
            reader.complain_at(*place, &path, what, "give one of them another port");
        }
    }
}

/// Two that enter servers in one place under one mark take out each other's, each for the entry of an instance that is gone.
fn check_marks(config: &Config, reader: &Reader<'_>) {
    let mut seen: Vec<(&str, Mark<'_>)> = Vec::new();
    for Named { name, kind, place } in &config.registrars {
        for mark in kind.marks() {
            if let Some((other, _)) = seen.iter().find(|(other, one)| *other != name && one.meets(&mark)) {
                let what = format!(
                    "servers {:?}… of backend {} at {} are those of registrar {other:?}, too",
                    mark.prefix, mark.backend, mark.at
                );
                let remedy = "give each a prefix, or slots, or a backend of its own: they would take out each other's";
                reader.warn_at(*place, &format!("registrar.{name}.{}", kind.word()), what, remedy);
            }
            seen.push((name, mark));
        }
    }
}

/// Each pool of a proxy, and each file, is one registrar's: two would write over each other in turns.
fn check_pools(config: &Config, reader: &Reader<'_>) {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for Named { name, kind, place } in &config.registrars {
        let path = format!("registrar.{name}.{}", kind.word());
        for pool in kind.pools() {
            if let Some(other) = owners.insert(pool.clone(), name).filter(|other| *other != name) {
                let remedy = "give each its own, or let one serve the targets of both";
                reader.complain_at(*place, &path, format!("has {pool}, as registrar {other:?} does"), remedy);
            }
        }
        if let Some(listen) = kind.listen().filter(|listen| config.api.enabled && *listen == config.api.listen) {
            let what = format!("listens on {listen}, as the API does");
            reader.complain_at(*place, &path, what, "give one of them another port");
        }
    }
}

fn check_names_in_use(drivers: &[Named<DriverKind>], bindings: &[Binding], reader: &Reader<'_>) {
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
