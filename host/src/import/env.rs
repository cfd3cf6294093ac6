//! Environments: `.env` files, and maps of texts in YAML or JSON. Values stay where they are: complaints name keys and lines.

use super::node::{Content, FILE_BYTES_MAX, Node, documents};
use super::{Input, Unreadable};

/// Variables of one file.
const VARIABLES_MAX: usize = 10_000;

/// What a file holds.
pub(super) enum Read {
    /// Lines of `KEY=value`, as one map.
    Environment(Node),
    /// Anything else.
    Documents(Vec<Node>),
}

/// Reads a file as an environment if all its lines are such, else as documents.
pub(super) fn read(input: &Input) -> Result<Read, Unreadable> {
    let lines = || input.text.lines().enumerate().filter(|(_, line)| is_said(line));
    let is_environment = lines().next().is_some() && lines().all(|(_, line)| assignment(line).is_some());
    if !is_environment || input.text.len() > FILE_BYTES_MAX {
        return documents(&input.file, &input.text).map(Read::Documents);
    }
    let mut entries: Vec<(String, Node)> = Vec::new();
    for (index, line) in lines() {
        let Some((key, value)) = assignment(line) else { continue };
        let node = Node { line: (index as u64).saturating_add(1), content: Content::Text(value) };
        // As a shell does: the last one counts.
        entries.retain(|(other, _)| *other != key);
        entries.push((key, node));
        if entries.len() > VARIABLES_MAX {
            let what = format!("holds more than {VARIABLES_MAX} variables; give the file of one function");
            return Err(Unreadable { file: input.file.clone(), line: 0, what });
        }
    }
    Ok(Read::Environment(Node { line: 0, content: Content::Map(entries) }))
}

fn is_said(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// `KEY=value`, `export KEY="value"`, with a comment behind a bare value.
fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (key, value) = line.split_once('=')?;
    let key = key.trim_end();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if key.is_empty() || key.starts_with(|c: char| c.is_ascii_digit()) || !key.chars().all(fits) {
        return None;
    }
    let value = value.trim();
    let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.split_once(quote));
    let value = quoted.map_or_else(|| value.split(" #").next().unwrap_or_default().trim(), |(inside, _)| inside);
    Some((key.to_owned(), value.to_owned()))
}
