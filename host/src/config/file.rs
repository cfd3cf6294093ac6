//! The file as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::api::read_api;
use super::binding::{Binding, Declared, read_binding};
use super::bounds::read_settings;
use super::complaint::{Complaint, Complaints, Place};
use super::limits::{read_caps_rules, read_groups};
use super::notices::read_notices;
use super::policies::read_policies;
use super::reader::{Item, Reader, Table};
use super::rooms::{DriverKind, Furnish, Named, RegistrarKind, SourceKind, read_named, read_sandbox};
use super::tables::read_tables;
use super::telemetry::read_telemetry;
use super::{ApiSettings, Config, PolicySettings, Quiet, Retention, TelemetrySettings, cross};
use crate::bounds::Settings;
use crate::sandbox::SandboxConfig;

/// Names of drivers, sources, registrars and bindings end up in ids, keys and file names.
const NAME_BYTES_MAX: usize = 63;
const BINDINGS_MAX: usize = 10_000;
const DATA_DIR_DEFAULT: &str = "trimtab-data";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Reads a whole file.
pub(super) fn read(text: &str, path: &Path) -> Result<Config, Complaints> {
    let reader = Reader::new(text);
    let document = read_syntax(&reader, text);
    let config = document.and_then(|document| read_document(&reader, document.get_ref(), text, path));
    let (complaints, warnings) = reader.into_found();
    match config {
        Some(config) if complaints.is_empty() => Ok(Config { warnings, ..config }),
        _ => Err(Complaints { file: path.display().to_string(), complaints }),
    }
}

/// The text as TOML, or `None` and every place where it breaks. After broken syntax the parser guesses; what it guessed is not
/// worth complaining about.
fn read_syntax<'t>(reader: &Reader<'_>, text: &'t str) -> Option<Spanned<DeTable<'t>>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        reader.complain(&span, "", format!("is not TOML: {}", error.message().replace('\n', ", ")), "");
    }
    errors.is_empty().then_some(document)
}

fn read_document(reader: &Reader<'_>, document: &DeTable<'_>, text: &str, path: &Path) -> Option<Config> {
    let base = path.parent().unwrap_or(Path::new(""));
    let root = Table::root(reader, document);
    let folder = |key| root.get(key).map(|item: Item<'_>| item.line().map(|folder| base.join(folder)));
    let data_dir = folder("data_dir").unwrap_or_else(|| Some(base.join(DATA_DIR_DEFAULT)));
    let policies_dir = folder("policies_dir").map_or(Some(None), |folder| folder.map(Some));
    let has_folder = policies_dir.as_ref().is_none_or(Option::is_some);
    let policies = root.get("policies");
    let policies =
        policies.map_or_else(|| Some(PolicySettings::default()), |item| read_policies(&item, base, has_folder));
    let dry_run = root.get("dry_run").map_or(Some(false), |item| item.flag());
    let (quiet, retention) = read_records(&root);
    let api = root.get("api").map_or_else(|| Some(ApiSettings::default()), |item| read_api(&item, base));
    let telemetry = root.get("telemetry");
    let telemetry = telemetry.map_or_else(|| Some(TelemetrySettings::default()), |item| read_telemetry(&item, base));
    let sandbox = root.get("sandbox").map_or_else(|| Some(SandboxConfig::default()), |item| read_sandbox(&item));
    let drivers = read_rooms::<DriverKind>(&root, base);
    let sources = read_rooms::<SourceKind>(&root, base);
    let registrars = read_rooms::<RegistrarKind>(&root, base);
    let names = |key| -> BTreeSet<String> { root.get(key).map(|item| item.keys()).unwrap_or_default() };
    let declared = Declared { drivers: names("driver"), sources: names("source"), groups: names("group") };
    let notices = read_notices(&root, base, &declared.drivers);
    let caps = read_caps_rules(&root, &declared);
    let groups = read_groups(&root);
    let bindings = read_bindings(&root, &declared);
    let tables = read_tables(&root, base);
    root.finish();
    let config = Config {
        file: path.to_owned(),
        digest: hex::encode(Sha256::digest(text.as_bytes())),
        data_dir: data_dir?,
        policies_dir: policies_dir?,
        policies: policies?,
        dry_run: dry_run?,
        quiet,
        retention,
        api: api?,
        telemetry: telemetry?,
        notices,
        sandbox: sandbox?,
        drivers,
        sources,
        registrars,
        caps,
        groups,
        bindings,
        tables,
        warnings: Vec::new(),
    };
    cross::check(&config, &declared, reader);
    Some(config)
}

/// `[records]`.
fn read_records(root: &Table<'_>) -> (Quiet, Retention) {
    const QUIETS: [(&str, Quiet); 2] = [("replayable", Quiet::Replayable), ("counted", Quiet::Counted)];
    let (mut quiet, mut retention) = (Quiet::default(), Retention::default());
    if let Some(table) = root.get("records").and_then(|item| item.table()) {
        quiet = table.get("quiet").and_then(|item| item.word(&QUIETS)).unwrap_or(quiet);
        if let Some(age_ms) = table.get("keep_age").and_then(|item| item.duration_ms(60_000..=3650 * DAY_MS)) {
            retention.age_ms = age_ms;
        }
        if let Some(item) = table.get("keep_size")
            && let Some(size_bytes) = item.memory_bytes()
        {
            if size_bytes < 1024 * 1024 {
                item.complain("is less than 1Mi, which holds no store", "");
            }
            retention.size_bytes = size_bytes;
        }
        table.finish();
    }
    (quiet, retention)
}

/// `[driver.NAME.KIND]` and its like.
fn read_rooms<K: Furnish>(root: &Table<'_>, base: &Path) -> Vec<Named<K>> {
    let Some(named) = root.get(K::WORD).and_then(|item| item.table()) else { return Vec::new() };
    let read = |(name, item): &(String, Item<'_>)| {
        let named_well = check_name(name, item);
        read_named(name, item).filter(|_| named_well)
    };
    let mut rooms: Vec<Named<K>> = named.entries().iter().filter_map(read).collect();
    rooms.iter_mut().for_each(|room| room.kind.root_at(base));
    rooms
}

fn read_bindings(root: &Table<'_>, declared: &Declared) -> Vec<Binding> {
    let Some(named) = root.get("binding").and_then(|item| item.table()) else { return Vec::new() };
    let entries = named.entries();
    if entries.len() > BINDINGS_MAX {
        named.complain(format!("{} bindings are more than {BINDINGS_MAX}", entries.len()), "select by labels");
        return Vec::new();
    }
    // Each is read, also where its name is wrong, so that all its faults come at once.
    entries
        .iter()
        .filter_map(|(name, item)| {
            let named_well = check_name(name, item);
            read_binding(name, item, declared).filter(|_| named_well)
        })
        .collect()
}

pub(super) fn check_name(name: &str, item: &Item<'_>) -> bool {
    let fits = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !fits {
        let remedy = format!("use letters, digits, \"-\" and \"_\", at most {NAME_BYTES_MAX}");
        item.reader().complain_at(item.key_place(), item.path(), format!("{name:?} is not a name"), remedy);
    }
    fits
}

/// Reads one binding that stands in no file: the table `[binding.NAME]` as JSON.
pub(super) fn read_own(name: &str, document: &serde_json::Value, config: &Config) -> Result<Binding, Complaints> {
    let refuse = |complaints: Vec<Complaint>| Complaints { file: format!("binding {name}"), complaints };
    let nowhere =
        |what: String| Complaint { place: Place::default(), path: String::new(), what, remedy: String::new() };
    let document = BTreeMap::from([("binding", BTreeMap::from([(name, document)]))]);
    let text =
        toml::to_string(&document).map_err(|error| refuse(vec![nowhere(format!("cannot be taken: {error}"))]))?;
    let reader = Reader::new(&text);
    let (document, errors) = DeTable::parse_recoverable(&text);
    let bindings = if errors.is_empty() {
        let root = Table::root(&reader, document.get_ref());
        let bindings = read_bindings(&root, &declared_in(config));
        root.finish();
        bindings
    } else {
        Vec::new()
    };
    let (mut complaints, _) = reader.into_found();
    complaints.extend(errors.iter().map(|error| nowhere(error.message().to_owned())));
    // The text is ours: nobody can look a line up in it.
    complaints.iter_mut().for_each(|complaint| complaint.place = Place::default());
    match bindings.into_iter().next() {
        Some(binding) if complaints.is_empty() => Ok(binding),
        _ => Err(refuse(complaints)),
    }
}

fn declared_in(config: &Config) -> Declared {
    Declared {
        drivers: config.drivers.iter().map(|driver| driver.name.clone()).collect(),
        sources: config.sources.iter().map(|source| source.name.clone()).collect(),
        groups: config.groups.iter().map(|group| group.name.clone()).collect(),
    }
}

/// Reads one binding that stands in a row of a table: the keys of `[binding.NAME]`, as TOML or as a JSON object.
pub(super) fn read_row(row: &str, name: &str, settings: &str, config: &Config) -> Result<Binding, Complaints> {
    let refuse = |complaints: Vec<Complaint>| Complaints { file: row.to_owned(), complaints };
    // No TOML begins so.
    if settings.trim_start().starts_with('{') {
        let unreadable = |error: serde_json::Error| {
            let place = Place { line: error.line(), column: error.column() };
            let what = format!("is not JSON: {error}");
            refuse(vec![Complaint { place, path: String::new(), what, remedy: String::new() }])
        };
        let document = serde_json::from_str(settings).map_err(unreadable)?;
        return read_own(name, &document, config).map_err(|found| refuse(found.complaints));
    }
    let reader = Reader::new(settings);
    let bindings = read_syntax(&reader, settings).map(|document| {
        let inner = Spanned::new(document.span(), DeValue::Table(document.into_inner()));
        let named = DeTable::from_iter([(Spanned::new(0..0, name.into()), inner)]);
        let named = Spanned::new(0..0, DeValue::Table(named));
        let outer = DeTable::from_iter([(Spanned::new(0..0, "binding".into()), named)]);
        read_bindings(&Table::root(&reader, &outer), &declared_in(config))
    });
    let (complaints, _) = reader.into_found();
    match bindings.into_iter().flatten().next() {
        Some(binding) if complaints.is_empty() => Ok(binding),
        _ => Err(refuse(complaints)),
    }
}

/// Reads a file that holds the bounds of one binding and nothing else.
pub(super) fn read_bounds(text: &str, path: &Path) -> Result<Settings, Complaints> {
    let reader = Reader::new(text);
    let document = read_syntax(&reader, text);
    let settings = document.as_ref().map(|document| {
        let root = Table::root(&reader, document.get_ref());
        let settings = read_settings(&root);
        root.finish();
        settings
    });
    let (complaints, _) = reader.into_found();
    match settings {
        Some(settings) if complaints.is_empty() => Ok(settings),
        _ => Err(Complaints { file: path.display().to_string(), complaints }),
    }
}
