//! The statistics of one moment, out of HAProxy's JSON: a list per process of lists per object of fields.

use std::collections::HashMap;

use serde::Deserialize;

use crate::runtime_socket::mark;
use crate::sources::fetch::shorten;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Stats>,
}

/// What is kept of one frontend, backend, server or listener.
#[derive(Debug, Default)]
pub(super) struct Stats {
    kind: String,
    pub(super) proxy: String,
    pub(super) server: String,
    address: Option<String>,
    fields: HashMap<String, Field>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) value: Value,
    /// Whether it only grows, until HAProxy is restarted.
    pub(super) counts: bool,
}

/// What a field is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(rename = "objType")]
    kind: &'a str,
    field: Name<'a>,
    tags: Tags<'a>,
    value: Typed,
}

#[derive(Deserialize)]
struct Name<'a> {
    name: &'a str,
}

#[derive(Deserialize)]
struct Tags<'a> {
    nature: &'a str,
}

#[derive(Deserialize)]
struct Typed {
    value: serde_json::Value,
}

impl Page {
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let objects: Vec<Vec<Entry<'_>>> = serde_json::from_slice(body).map_err(|error| {
            let begin: String = String::from_utf8_lossy(body).chars().take(60).collect();
            format!("these are not HAProxy's statistics in JSON: {}: {begin:?}", shorten(&error.to_string()))
        })?;
        Ok(Self { objects: objects.into_iter().map(object).collect() })
    }

    pub(super) fn frontend(&self, name: &str) -> Option<&Stats> {
        self.objects.iter().find(|stats| stats.kind == "Frontend" && stats.proxy == name)
    }

    pub(super) fn backend(&self, name: &str) -> Option<&Stats> {
        self.objects.iter().find(|stats| stats.kind == "Backend" && stats.proxy == name)
    }

    /// The server of this instance: by the name that our registrar gives it, by its own, or by its address.
    pub(super) fn server(&self, backend: &str, address: Option<&str>, prefix: &str, id: &str) -> Option<&Stats> {
        let servers = || self.objects.iter().filter(|stats| stats.kind == "Server" && stats.proxy == backend);
        let ours = mark::name_of(prefix, id);
        let marked = |stats: &&Stats| stats.server == ours || stats.server == id;
        servers()
            .find(marked)
            .or_else(|| servers().find(|stats| address.is_some() && stats.address.as_deref() == address))
    }
}

impl Stats {
    pub(super) fn value(&self, field: &str) -> Option<Value> {
        self.fields.get(field).map(|field| field.value.clone())
    }

    /// Its counters, to be carried over a restart.
    pub(super) fn counters(&mut self) -> impl Iterator<Item = (&str, &mut f64)> {
        self.fields.iter_mut().filter(|(_, field)| field.counts).filter_map(|(name, field)| match &mut field.value {
            Value::Number(number) => Some((name.as_str(), number)),
            Value::Text(_) => None,
        })
    }

    pub(super) fn key(&self) -> String {
        format!("{}/{}/{}", self.kind, self.proxy, self.server)
    }
}

fn object(entries: Vec<Entry<'_>>) -> Stats {
    let mut stats = Stats::default();
    for Entry { kind, field, tags, value } in entries {
        kind.clone_into(&mut stats.kind);
        let value = match value.value {
            serde_json::Value::Number(number) => number.as_f64().map(Value::Number),
            serde_json::Value::String(text) => Some(Value::Text(text)),
            _ => None,
        };
        match (field.name, value) {
            ("pxname", Some(Value::Text(text))) => stats.proxy = text,
            ("svname", Some(Value::Text(text))) => stats.server = text,
            ("addr", Some(Value::Text(text))) => stats.address = Some(text),
            (name, Some(value)) => {
                stats.fields.insert(name.to_owned(), Field { value, counts: tags.nature == "Counter" });
            }
            (_, None) => {}
        }
    }
    stats
}
