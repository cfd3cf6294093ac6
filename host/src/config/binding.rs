//! `[binding.web]`: which targets, which readings, which policies, which bounds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::bounds::{WEEK_MS, read_settings};
use super::complaint::Place;
use super::limits::read_own_caps;
use super::reader::{Item, Table, nearest_of};
use crate::bounds::{Range, Settings};
use crate::policy::ProposalKind;
use crate::sandbox::Tier;
use crate::snapshot::{Subject, TargetId};
use crate::sources::ReadingSpec;

/// How often a binding is looked at where it does not say: as the Kubernetes HPA does.
const EVERY_MS_DEFAULT: u64 = 15_000;
const EVERY_MS_MIN: u64 = 100;
/// A newest sample older than this is stale, where the reading does not say: three turns, at least 30 s.
const STALE_TURNS: u64 = 3;
const STALE_AFTER_MS_MIN: u64 = 30_000;
const READINGS_MAX: usize = 64;
const POLICIES_MAX: usize = 16;
const IDS_MAX: usize = 10_000;

/// A binding, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// The name in the config.
    pub name: String,
    /// Which targets.
    pub select: Select,
    /// How often they are looked at.
    pub every_ms: u64,
    /// The bounds.
    pub settings: Settings,
    /// The readings that its policies may ask for, each of another name and subject.
    pub readings: Vec<ReadingSpec>,
    /// Where each reading stands in the file.
    pub reading_places: BTreeMap<(String, Subject), Place>,
    /// At least one, in the order of the file.
    pub policies: Vec<PolicyUse>,
    /// Settings that labels on the workload may carry: `min`, `max`, `mode`, `param.target` …
    pub labels_allowed: BTreeSet<String>,
    /// What labels and people's pins cannot exceed. The binding's own range where it does not say otherwise.
    pub caps: Range<u32>,
    /// The group whose budget its raises are taken from.
    pub group: Option<String>,
    /// Where it stands in the file.
    pub place: Place,
}

/// Which targets a binding is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// Exactly these.
    Ids(BTreeSet<TargetId>),
    /// All of one driver that carry all of these labels.
    Labels {
        /// The driver's name.
        driver: String,
        /// Labels and their values; none: every target of the driver.
        labels: BTreeMap<String, String>,
    },
}

impl Select {
    /// Whether it takes in a target.
    #[must_use]
    pub fn takes(&self, id: &TargetId, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Ids(ids) => ids.contains(id),
            Self::Labels { driver, labels: wanted } => {
                id.driver() == driver && wanted.iter().all(|(label, value)| labels.get(label) == Some(value))
            }
        }
    }

    /// The drivers whose targets it can take in.
    #[must_use]
    pub fn drivers(&self) -> BTreeSet<&str> {
        match self {
            Self::Ids(ids) => ids.iter().map(TargetId::driver).collect(),
            Self::Labels { driver, .. } => BTreeSet::from([driver.as_str()]),
        }
    }
}

/// One policy of a binding.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyUse {
    /// Its name within the binding: memory belongs to it.
    pub slot: String,
    /// Which policy: a built-in name, a file (with a slash or ending in `.wasm`), or `sha256:…`.
    pub uses: String,
    /// Parameters as written; the policy's manifest judges them.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Where each parameter stands in the file.
    pub param_places: BTreeMap<String, Place>,
    /// Which limits it runs under; `None`: its size decides.
    pub tier: Option<Tier>,
    /// Kinds that it may propose; `None`: all that its manifest declares.
    pub grants: Option<Vec<ProposalKind>>,
    /// What happens while it is in quarantine.
    pub on_quarantine: OnQuarantine,
    /// Where it stands in the file.
    pub place: Place,
}

/// What happens while a policy is in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnQuarantine {
    /// Nobody answers in its place; nothing is lowered.
    #[default]
    Hold,
    /// The version that last answered without complaint is asked in its place.
    LastGood,
}

/// What is declared elsewhere in the file, also where that table has faults of its own: a binding that names it is not at
/// fault.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) drivers: BTreeSet<String>,
    pub(super) sources: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
}

/// Reads one `[binding.NAME]`. Everything wrong in it is complained about; the result is of use only if nothing was.
pub(super) fn read_binding(name: &str, item: &Item<'_>, declared: &Declared) -> Option<Binding> {
    let table = item.table()?;
    let select = table
        .need("select", "say which targets: select = { driver = \"local\", labels = { app = \"web\" } }")
        .and_then(|item| read_select(&item, declared));
    let every = table.get("every").map_or(Some(EVERY_MS_DEFAULT), |item| item.duration_ms(EVERY_MS_MIN..=WEEK_MS));
    let settings = read_settings(&table);
    let (readings, reading_places) = read_readings(&table, every.unwrap_or(EVERY_MS_DEFAULT), declared);
    let policies = read_policies(&table);
    let labels_allowed = table.get("labels_allowed").and_then(|item| read_labels_allowed(&item)).unwrap_or_default();
    let caps = read_own_caps(&table, settings.replicas);
    let group = table.get("group").map(|item| read_reference(&item, "group", "", &declared.groups));
    table.finish();
    Some(Binding {
        name: name.to_owned(),
        select: select?,
        every_ms: every?,
        settings,
        readings,
        reading_places,
        policies,
        labels_allowed,
        caps,
        group: group.map_or(Some(None), |group| group.map(Some))?,
        place: item.key_place(),
    })
}

pub(super) fn read_select(item: &Item<'_>, declared: &Declared) -> Option<Select> {
    let table = item.table()?;
    let id = table.get("id");
    let ids = table.get("ids");
    let driver = table.get("driver");
    let labels = table.get("labels");
    table.finish();
    let named: Vec<Item<'_>> =
        id.into_iter().chain(ids.iter().flat_map(|ids| ids.items().unwrap_or_default())).collect();
    if named.len() > IDS_MAX {
        item.complain(format!("{} ids are more than {IDS_MAX}", named.len()), "select by labels");
        return None;
    }
    match (named.is_empty() && ids.is_none(), driver, labels) {
        (true, Some(driver), labels) => {
            let labels = labels.map_or(Some(BTreeMap::new()), |item| read_labels(&item));
            Some(Select::Labels {
                driver: read_reference(&driver, "driver", "process", &declared.drivers)?,
                labels: labels?,
            })
        }
        (true, None, _) => {
            item.complain(
                "selects nothing",
                "give driver = \"…\", with labels if not all are meant, or ids = [\"driver/name\"]",
            );
            None
        }
        (false, None, None) if named.is_empty() => {
            item.complain("ids is empty", "name at least one target");
            None
        }
        (false, None, None) => {
            let read: Vec<Option<TargetId>> = named.iter().map(|item| read_id(item, declared)).collect();
            Some(Select::Ids(read.into_iter().collect::<Option<_>>()?))
        }
        (false, _, _) => {
            item.complain("ids stand alone", "remove driver and labels, or the ids: an id names its driver already");
            None
        }
    }
}

fn read_id(item: &Item<'_>, declared: &Declared) -> Option<TargetId> {
    let text = item.line()?;
    let id: TargetId = text.parse().map_err(|error| item.complain(format!("{error}"), "")).ok()?;
    refer(item, id.driver(), "driver", "process", &declared.drivers).then_some(id)
}

/// A name that must be declared elsewhere.
fn read_reference(item: &Item<'_>, word: &str, kind: &str, known: &BTreeSet<String>) -> Option<String> {
    let name = item.line()?;
    refer(item, &name, word, kind, known).then_some(name)
}

fn refer(item: &Item<'_>, name: &str, word: &str, kind: &str, known: &BTreeSet<String>) -> bool {
    let is_known = known.contains(name);
    if !is_known {
        let remedy = match nearest_of(name, known.iter().map(String::as_str)) {
            near if near.starts_with("did you mean") => near,
            _ if kind.is_empty() => format!("declare it: [{word}.{name}]"),
            _ => format!("declare it, for example [{word}.{name}.{kind}]"),
        };
        item.complain(format!("there is no {word} {name:?}"), remedy);
    }
    is_known
}

fn read_labels(item: &Item<'_>) -> Option<BTreeMap<String, String>> {
    let entries = item.table()?.entries();
    entries.into_iter().map(|(label, item)| item.text().map(|value| (label, value))).collect()
}

type Readings = (Vec<ReadingSpec>, BTreeMap<(String, Subject), Place>);

fn read_readings(binding: &Table<'_>, every_ms: u64, declared: &Declared) -> Readings {
    let (mut readings, mut places) = Readings::default();
    let Some(item) = binding.get("reading") else { return (readings, places) };
    let items = item.items().unwrap_or_default();
    if items.len() > READINGS_MAX {
        item.complain(format!("{} readings are more than {READINGS_MAX}", items.len()), "split the binding");
        return (readings, places);
    }
    for item in items {
        let Some(reading) = read_reading(&item, every_ms, declared) else { continue };
        if places.insert((reading.name.as_ref().to_owned(), reading.subject.clone()), item.place()).is_some() {
            let (name, subject) = (&reading.name, &reading.subject);
            item.complain(
                format!("there is another reading {name:?} of the {subject}"),
                "give one of them another name",
            );
        }
        readings.push(reading);
    }
    (readings, places)
}

/// One `[[binding.web.reading]]`.
fn read_reading(item: &Item<'_>, every_ms: u64, declared: &Declared) -> Option<ReadingSpec> {
    let table = item.table()?;
    let name = table.need("name", "give it the name that policies ask for").and_then(|item| item.line());
    let source = table.need("source", "name one of the [source.…] tables");
    let source = source.and_then(|item| read_reference(&item, "source", "prometheus", &declared.sources));
    let query = table.get("query").map(|item| item.line());
    let subject = table.get("subject").map_or(Some(Subject::Target), |item| item.line().map(Subject::from));
    let unit = table.get("unit").map_or(Some(String::new()), |item| item.line());
    let label = table.get("label").map(|item| item.line());
    let rate = table.get("rate").map_or(Some(false), |item| item.flag());
    let look_back = table.get("look_back").map_or(Some(0), |item| item.duration_ms(0..=WEEK_MS));
    let step = table.get("step").map_or(Some(0), |item| item.duration_ms(0..=WEEK_MS));
    let stale_default = every_ms.saturating_mul(STALE_TURNS).clamp(STALE_AFTER_MS_MIN, WEEK_MS);
    let stale_after = table.get("stale_after").map_or(Some(stale_default), |item| item.duration_ms(100..=WEEK_MS));
    let absent_as = table.get("absent_as").map(|item| item.number());
    table.finish();
    Some(ReadingSpec {
        // Sources whose series have names of their own are asked for the reading by its name.
        query: query.unwrap_or_else(|| name.clone())?,
        name: name?.into(),
        source: source?,
        subject: subject?,
        unit: unit?.into(),
        label: label.map_or(Some(None), |label| label.map(Some))?,
        rate: rate?,
        look_back_ms: look_back?,
        step_ms: step?,
        stale_after_ms: stale_after?,
        absent_as: absent_as.map_or(Some(None), |value| value.map(Some))?,
    })
}

fn read_policies(binding: &Table<'_>) -> Vec<PolicyUse> {
    let Some(item) = binding.need("policy", "say who decides: [[binding.NAME.policy]] with use = \"target-tracking\"")
    else {
        return Vec::new();
    };
    let items = item.items().unwrap_or_default();
    if items.is_empty() || items.len() > POLICIES_MAX {
        item.complain(format!("{} policies are not within 1 to {POLICIES_MAX}", items.len()), "");
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut policies = Vec::new();
    for item in items {
        let Some(policy) = read_policy(&item) else { continue };
        if !seen.insert(policy.slot.clone()) {
            let slot = &policy.slot;
            item.complain(
                format!("there is another policy in slot {slot:?}"),
                "give one of them another name: slot = \"…\"",
            );
        }
        policies.push(policy);
    }
    policies
}

/// One `[[binding.web.policy]]`.
fn read_policy(item: &Item<'_>) -> Option<PolicyUse> {
    const TIERS: [(&str, Tier); 2] = [("compiled", Tier::Compiled), ("interpreted", Tier::Interpreted)];
    let table = item.table()?;
    let uses = table.need("use", "name a policy: use = \"target-tracking\"").and_then(|item| item.line());
    let slot = table.get("slot").map(|item| item.line());
    let params = table.get("params").map(|item| read_params(&item));
    let tier = table.get("tier").map(|item| item.word(&TIERS));
    let grants = table.get("grants").map(|item| read_grants(&item));
    let on_quarantine = table.get("on_quarantine").map(|item| read_on_quarantine(&item, uses.as_deref()));
    table.finish();
    let (params, param_places) = params.unwrap_or(Some((serde_json::Map::new(), BTreeMap::new())))?;
    Some(PolicyUse {
        slot: slot.unwrap_or_else(|| uses.clone())?,
        uses: uses?,
        params,
        param_places,
        tier: tier.map_or(Some(None), |tier| tier.map(Some))?,
        grants: grants.map_or(Some(None), |grants| grants.map(Some))?,
        on_quarantine: on_quarantine.unwrap_or_else(|| Some(OnQuarantine::default()))?,
        place: item.place(),
    })
}

fn read_on_quarantine(item: &Item<'_>, uses: Option<&str>) -> Option<OnQuarantine> {
    const WORDS: [(&str, OnQuarantine); 2] = [("hold", OnQuarantine::Hold), ("last-good", OnQuarantine::LastGood)];
    let word = item.word(&WORDS)?;
    let has_versions = |uses: &str| !uses.contains('/') && !uses.ends_with(".wasm") && !uses.starts_with("sha256:");
    if word == OnQuarantine::LastGood && !uses.is_none_or(has_versions) {
        item.complain("a file or digest has no last good version", "name the policy in use, or write \"hold\"");
        return None;
    }
    Some(word)
}

type Params = (serde_json::Map<String, serde_json::Value>, BTreeMap<String, Place>);

fn read_params(item: &Item<'_>) -> Option<Params> {
    let entries = item.table()?.entries();
    let places = entries.iter().map(|(name, item)| (name.clone(), item.place())).collect();
    let values: Vec<_> = entries.into_iter().map(|(name, item)| item.json().map(|value| (name, value))).collect();
    Some((values.into_iter().collect::<Option<_>>()?, places))
}

fn read_grants(item: &Item<'_>) -> Option<Vec<ProposalKind>> {
    const KINDS: [&str; 8] = ["scale", "resize", "restart", "replace", "remove", "start", "redeploy", "hold"];
    let items = item.items()?;
    let read = |item: &Item<'_>| {
        let word = item.line()?;
        if !KINDS.contains(&word.as_str()) {
            item.complain(format!("{word:?} is not a kind of proposal"), nearest_of(&word, KINDS));
            return None;
        }
        Some(ProposalKind::from(word))
    };
    // Every item is read before the first failure counts, so that each is complained about.
    items.iter().map(read).collect::<Vec<_>>().into_iter().collect()
}

fn read_labels_allowed(item: &Item<'_>) -> Option<BTreeSet<String>> {
    const WORDS: [&str; 4] = ["min", "max", "mode", "policy"];
    let read = |item: &Item<'_>| {
        let word = item.line()?;
        let is_param = word.strip_prefix("param.").is_some_and(|name| !name.is_empty());
        if !is_param && !WORDS.contains(&word.as_str()) {
            let remedy = nearest_of(&word, WORDS.into_iter().chain(["param.NAME"]));
            item.complain(format!("labels cannot carry {word:?}"), remedy);
            return None;
        }
        Some(word)
    };
    item.items()?.iter().map(read).collect::<Vec<_>>().into_iter().collect()
}
