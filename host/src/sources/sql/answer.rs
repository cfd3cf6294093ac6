//! Rows, whatever database they are from.

use std::collections::BTreeMap;

use crate::sources::fetch::shorten;

/// The column with the number, if there are several.
const VALUE: &str = "value";

/// One row: columns by name, as text. NULL has none.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Line {
    pub(super) labels: BTreeMap<String, String>,
    /// The column with the number; `None` where the row has none that can be told from others.
    pub(super) value: Option<String>,
    /// Whether the row has such a column at all.
    pub(super) has_value: bool,
}

impl Line {
    /// Of columns in order.
    pub(super) fn new(columns: Vec<(String, Option<String>)>) -> Self {
        let alone = columns.len() == 1;
        let mut line = Self::default();
        for (name, text) in columns {
            if alone || name.eq_ignore_ascii_case(VALUE) {
                line.has_value = true;
                line.value = text;
            } else if let Some(text) = text {
                line.labels.insert(name, text);
            }
        }
        line
    }

    /// The number; `None` for NULL.
    pub(super) fn value(&self) -> Result<Option<f64>, String> {
        if !self.has_value {
            return Err(format!("it has no column {VALUE}; write `… AS {VALUE}`"));
        }
        let Some(text) = &self.value else { return Ok(None) };
        match text.trim().parse::<f64>() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(format!("{:?} is not a number", shorten(text))),
        }
    }

    /// How a complaint calls it.
    pub(super) fn name(&self) -> String {
        let labels: Vec<_> = self.labels.iter().map(|(name, text)| format!("{name}={text:?}")).collect();
        shorten(&format!("row {{{}}}", labels.join(",")))
    }
}
