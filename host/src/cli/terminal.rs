//! What people see: plain, aligned, and free of what a guest might play on a terminal.

use std::io::{ErrorKind, Write};

use serde_json::Value;

/// Writes to standard output. That nobody reads it any more (`trimtab … | head`) is not an error.
///
/// # Errors
/// Where it cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> std::io::Result<()> {
    print_on(text).map(|_read| ())
}

/// As [`print`]; tells whether anybody reads still, for whoever would go on for ever.
///
/// # Errors
/// As [`print`].
pub(super) fn print_on(text: &str) -> std::io::Result<bool> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

/// A value as JSON for people, with a line end. What could play with a terminal is escaped, and it reads back the same.
#[must_use]
pub(super) fn json(value: &Value) -> String {
    escaped(&format!("{value:#}\n"))
}

/// A value as one line of JSON.
#[must_use]
pub(super) fn json_line(value: &Value) -> String {
    escaped(&format!("{value}\n"))
}

/// serde_json escapes the control characters below space only. In JSON, others stand in strings alone; all that we escape lie
/// in the basic plane.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmless(c) { text.push(c) } else { text.push_str(&format!("\\u{:04x}", u32::from(c))) }
    }
    text
}

/// The text with everything escaped that could move a cursor, colour a screen or turn letters around. Line ends stay.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmless(c) { clean.push(c) } else { clean.extend(c.escape_unicode()) }
    }
    clean
}

fn is_harmless(c: char) -> bool {
    // Beside control characters: marks that reorder or hide what surrounds them.
    let reorders =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    (c == '\n' || !c.is_control()) && !reorders
}

/// Rows in aligned columns. Cells are cleaned, and line ends in them become spaces.
#[derive(Debug, Default)]
pub struct Columns {
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// With these headings.
    #[must_use]
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Without headings.
    #[must_use]
    pub fn plain() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell.into()).replace('\n', " ")).collect());
    }

    /// The text, each line ended, with so many spaces before each.
    #[must_use]
    pub fn text(&self, indent: usize) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width - cell.chars().count() + 2));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}
