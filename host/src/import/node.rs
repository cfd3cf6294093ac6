//! Documents as trees of nodes, each with its line: YAML and JSON, within limits.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Unreadable;

/// A larger file is no manifest.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Documents in one file.
const DOCUMENTS_MAX: usize = 1000;
/// Scalars, lists and maps in one file, what aliases repeat included.
const NODES_MAX: usize = 200_000;
/// Lists and maps in one another. Real manifests stay below 20, and each level costs stack.
const DEPTH_MAX: usize = 32;

/// One value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// From 1; 0 where it is not known.
    pub(super) line: u64,
    pub(super) content: Content,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Null,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file; no key twice.
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        self.content == Content::Null
    }

    /// The value of a key, where this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, where this is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A scalar as the text that a person wrote, or would have: labels and environments are texts, and YAML reads some of them
    /// as numbers.
    pub(super) fn as_written(&self) -> Option<String> {
        match &self.content {
            Content::Text(text) => Some(text.clone()),
            Content::Number(number) => Some(number.to_string()),
            Content::Flag(flag) => Some(flag.to_string()),
            Content::Null | Content::List(_) | Content::Map(_) => None,
        }
    }

    /// What it is, for a person.
    pub(super) fn word(&self) -> &'static str {
        match &self.content {
            Content::Null => "empty",
            Content::Flag(_) => "true or false",
            Content::Number(_) => "a number",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }
}

/// The documents of a text. Empty ones are left out.
pub(super) fn documents(file: &str, text: &str) -> Result<Vec<Node>, Unreadable> {
    let unreadable = |line, what: String| Unreadable { file: file.to_owned(), line, what };
    if text.len() > FILE_BYTES_MAX {
        return Err(unreadable(0, format!("{} bytes are more than {FILE_BYTES_MAX}; split the file", text.len())));
    }
    let documents = match serde_saphyr::from_multiple_with_options::<Node>(text, options()) {
        Ok(documents) => documents,
        Err(error) => {
            // Nearly all JSON is YAML, and then has lines. What is not, such as tabs before keys, is read as JSON.
            let is_json = text.trim_start().starts_with(['{', '[']);
            if let Some(value) = is_json.then(|| serde_json::from_str::<Value>(text).ok()).flatten() {
                let mut left = NODES_MAX;
                let node = of_json(value, &mut left);
                return node.map(|node| vec![node]).ok_or_else(|| unreadable(0, too_many_nodes()));
            }
            let line = error.location().map_or(0, |location| location.line());
            return Err(unreadable(line, format!("is not YAML or JSON that can be read: {}", told(&error))));
        }
    };
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

fn too_many_nodes() -> String {
    format!("holds more than {NODES_MAX} values; split the file")
}

/// The error in one line, without an excerpt of the file: there may be secrets in it.
fn told(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: NODES_MAX,
            max_events: 3 * NODES_MAX,
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_documents: DOCUMENTS_MAX,
            max_aliases: 1000,
            max_anchors: 1000,
            max_merge_keys: 1000,
            max_recorded_anchor_events: NODES_MAX,
            max_recorded_anchor_bytes: 4 * FILE_BYTES_MAX,
            max_total_scalar_bytes: 4 * FILE_BYTES_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES_MAX,
            max_replay_stack_depth: 16,
        },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

fn of_json(value: Value, left: &mut usize) -> Option<Node> {
    *left = left.checked_sub(1)?;
    let content = match value {
        Value::Null => Content::Null,
        Value::Bool(flag) => Content::Flag(flag),
        Value::Number(number) => Content::Number(number.as_f64()?),
        Value::String(text) => Content::Text(text),
        Value::Array(items) => Content::List(items.into_iter().map(|item| of_json(item, left)).collect::<Option<_>>()?),
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| of_json(value, left).map(|node| (key, node)));
            Content::Map(entries.collect::<Option<_>>()?)
        }
    };
    Some(Node { line: 0, content })
}

/// A JSON text within another document, such as an annotation. Its nodes stand where that text stands.
pub(super) fn embedded_json(text: &str, line: u64) -> Option<Node> {
    fn put(node: &mut Node, line: u64) {
        node.line = line;
        match &mut node.content {
            Content::List(items) => items.iter_mut().for_each(|item| put(item, line)),
            Content::Map(entries) => entries.iter_mut().for_each(|(_, node)| put(node, line)),
            _ => {}
        }
    }
    let mut left = NODES_MAX;
    let mut node = of_json(serde_json::from_str(text).ok()?, &mut left)?;
    put(&mut node, line);
    Some(node)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = serde_saphyr::Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self { line: found.referenced.line(), content: found.value })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

#[expect(clippy::cast_precision_loss, reason = "no figure of a manifest needs more than 53 bits")]
impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Content, E> {
        Ok(Content::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Content, E> {
        Ok(Content::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Content, E> {
        Ok(Content::Number(number as f64))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Content, E> {
        Ok(Content::Number(number as f64))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Content, E> {
        Ok(Content::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Content, E> {
        Ok(Content::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Content, E> {
        Ok(Content::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Node>()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry::<String, Node>()? {
            map.push(entry);
        }
        Ok(Content::Map(map))
    }
}
