//! `[caps.NAME]` and `[group.NAME]`: what the operator sets above all bindings.

use super::binding::{Declared, Select, read_select};
use super::bounds::{REPLICAS_MAX, optional_figures, read_replicas};
use super::complaint::Place;
use super::reader::{Item, Table};
use crate::bounds::{Caps, Range};

const RULES_MAX: usize = 1_000;
const GROUPS_MAX: usize = 1_000;

/// Caps on some targets, whatever bindings, labels and people say.
#[derive(Debug, Clone, PartialEq)]
pub struct CapsRule {
    /// Its name.
    pub name: String,
    /// Which targets.
    pub select: Select,
    /// The caps.
    pub caps: Caps,
    /// Where it stands in the file.
    pub place: Place,
}

/// Bindings that share a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Most replicas of all targets of its bindings together.
    pub replicas_max: u32,
    /// Where it stands in the file.
    pub place: Place,
}

/// All `[caps.NAME]`.
pub(super) fn read_caps_rules(root: &Table<'_>, declared: &Declared) -> Vec<CapsRule> {
    named(root.get("caps"), RULES_MAX).iter().filter_map(|(name, item)| read_rule(name, item, declared)).collect()
}

/// All `[group.NAME]`.
pub(super) fn read_groups(root: &Table<'_>) -> Vec<Group> {
    named(root.get("group"), GROUPS_MAX).iter().filter_map(|(name, item)| read_group(name, item)).collect()
}

fn named<'r>(item: Option<Item<'r>>, most: usize) -> Vec<(String, Item<'r>)> {
    let entries = item.as_ref().and_then(Item::table).map(|table| table.entries()).unwrap_or_default();
    if let Some(item) = item.filter(|_| entries.len() > most) {
        item.complain(format!("{} are more than {most}", entries.len()), "join some");
        return Vec::new();
    }
    entries
}

fn read_rule(name: &str, item: &Item<'_>, declared: &Declared) -> Option<CapsRule> {
    let named_well = super::file::check_name(name, item);
    let table = item.table()?;
    let remedy = "say which targets: select = { driver = \"local\" }";
    let select = table.need("select", remedy).and_then(|item| read_select(&item, declared));
    let open = Caps::OPEN.replicas;
    let replicas = table.get("replicas").map_or(open, |item| read_replicas(&item, open));
    let (cpu_millis, memory_bytes) = optional_figures(&table);
    table.finish();
    let caps = Caps { replicas, cpu_millis, memory_bytes };
    if caps == Caps::OPEN {
        item.complain("caps nothing", "give replicas, cpu or memory");
        return None;
    }
    Some(CapsRule { name: name.to_owned(), select: select?, caps, place: item.key_place() }).filter(|_| named_well)
}

fn read_group(name: &str, item: &Item<'_>) -> Option<Group> {
    let named_well = super::file::check_name(name, item);
    let table = item.table()?;
    let remedy = "say how many replicas its targets may have together: replicas_max = 100";
    let replicas_max = table.need("replicas_max", remedy).and_then(|item| item.count(0..=REPLICAS_MAX));
    table.finish();
    let group = Group { name: name.to_owned(), replicas_max: replicas_max?, place: item.key_place() };
    Some(group).filter(|_| named_well)
}

/// The caps of a binding on labels and pins: its own range where it does not say otherwise.
pub(super) fn read_own_caps(binding: &Table<'_>, own: Range<u32>) -> Range<u32> {
    let Some(table) = binding.get("caps").and_then(|item| item.table()) else { return own };
    let caps = table.get("replicas").map_or(own, |item| {
        let caps = read_replicas(&item, own);
        if caps.min > own.min || caps.max < own.max {
            let (min, max) = (own.min, own.max);
            item.complain(format!("do not include the binding's own replicas, {min} to {max}"), "widen the caps");
        }
        caps
    });
    table.finish();
    caps
}
