//! What is wrong with a configuration: everything at once, each at its place.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong (or, among warnings, doubtful).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// Where it stands in the file.
    pub place: Place,
    /// The keys that lead there: `binding.web.replicas`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it; empty where `what` says it.
    pub remedy: String,
}

/// A place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Place {
    /// From 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Place {
    /// The place of a byte of the text.
    #[must_use]
    pub fn of(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }
}

/// Why a configuration is refused. `Display` lists every complaint, one a line, as `file:line:column: path: what; remedy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaints {
    /// The file, as it was named.
    pub file: String,
    /// At least one, in the order of their places.
    pub complaints: Vec<Complaint>,
}

impl std::error::Error for Complaints {}

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.complaints.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            f.write_str(&complaint.line_of(&self.file))?;
        }
        Ok(())
    }
}

impl Complaint {
    /// The complaint as one line.
    #[must_use]
    pub fn line_of(&self, file: &str) -> String {
        let mut line = file.to_owned();
        if self.place.line > 0 {
            line.push_str(&format!(":{}:{}", self.place.line, self.place.column));
        }
        for part in [&self.path, &self.what] {
            if !part.is_empty() {
                line.push_str(": ");
                line.push_str(part);
            }
        }
        if !self.remedy.is_empty() {
            line.push_str("; ");
            line.push_str(&self.remedy);
        }
        // A key or a value of the file may hold control characters; a complaint is one line of text.
        line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    }
}
