//! What a flat alert says besides texts: numbers, flags, and the document that it was raised by.
//!
//! ElastAlert sends the matching document as it stands in Elasticsearch: `{"docker": {"container": {"id": "4f"}}, "num_hits": 7}`.
//! Each is told under its dotted path, `docker.container.id`, as Elasticsearch itself writes it. Lists are not: there is no word
//! for one of their entries that would mean the same the next time. A document may hold anything, so that what is too much is
//! left out and never a reason to refuse the alert.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

/// Most of them.
const PARTICULARS_MAX: usize = 64;
/// All of them together.
const BYTES_MAX: usize = 4_096;
const PATH_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 256;
/// Objects within objects.
const DEPTH_MAX: usize = 8;
/// Whole numbers up to here are exact in an `f64`: 2^53.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Particulars by their dotted paths.
#[derive(Debug, Default)]
pub(super) struct Particulars {
    all: BTreeMap<String, String>,
    bytes: usize,
}

/// Whether it is a word of Elasticsearch's own (`@timestamp`, `_id`), which says nothing about what is wrong.
pub(super) fn is_of_elasticsearch(word: &str) -> bool {
    word.starts_with(['@', '_'])
}

impl Particulars {
    /// Takes what stands under this word.
    pub(super) fn take(&mut self, word: &str, said: &Value) {
        if !is_of_elasticsearch(word) {
            self.at(word, said, 0);
        }
    }

    /// All that were taken.
    pub(super) fn all(self) -> BTreeMap<String, String> {
        self.all
    }

    fn at(&mut self, path: &str, said: &Value, depth: usize) {
        match said {
            Value::String(text) => self.note(path, text),
            Value::Number(number) => self.note(path, &written(number)),
            Value::Bool(flag) => self.note(path, &flag.to_string()),
            Value::Object(within) if depth < DEPTH_MAX => self.within(path, within, depth),
            Value::Object(_) | Value::Array(_) | Value::Null => {}
        }
    }

    fn within(&mut self, path: &str, within: &Map<String, Value>, depth: usize) {
        for (word, said) in within.iter().filter(|(word, _)| !is_of_elasticsearch(word)) {
            if self.all.len() >= PARTICULARS_MAX {
                return;
            }
            self.at(&format!("{path}.{word}"), said, depth + 1);
        }
    }

    fn note(&mut self, path: &str, text: &str) {
        let is_line = |text: &str, bytes_max: usize| text.len() <= bytes_max && !text.chars().any(char::is_control);
        let bytes = self.bytes + path.len() + text.len();
        let fits = self.all.len() < PARTICULARS_MAX && bytes <= BYTES_MAX;
        if fits && !path.is_empty() && is_line(path, PATH_BYTES_MAX) && is_line(text, VALUE_BYTES_MAX) {
            self.bytes = bytes;
            self.all.insert(path.to_owned(), text.to_owned());
        }
    }
}

/// A number as people write it: `10` also where JSON says `10.0`, since counts are read as whole numbers.
fn written(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < WHOLE_MAX => format!("{float:.0}"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(document: &Value) -> BTreeMap<String, String> {
        let mut particulars = Particulars::default();
        document.as_object().unwrap().iter().for_each(|(word, said)| particulars.take(word, said));
        particulars.all()
    }

    #[test]
    fn numbers_flags_and_what_is_nested_are_told_under_their_paths() {
        let told = of(&json!({
            "autoscale_max_instances": 10, "pct": 0.93, "whole": 10.0, "big": 1e300, "less": -3, "ok": true, "none": null,
            "docker": { "container": { "id": "4f", "_id": "x", "ports": [80] } }, "@timestamp": 7, "_score": 1.5,
        }));
        let shown: Vec<String> = told.iter().map(|(path, text)| format!("{path}={text}")).collect();
        let wanted = [
            "autoscale_max_instances=10",
            "big=1e+300",
            "docker.container.id=4f",
            "less=-3",
            "ok=true",
            "pct=0.93",
            "whole=10",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn what_is_too_much_is_left_out() {
        let many: Map<String, Value> = (0..200).map(|at| (format!("n{at}"), json!(at))).collect();
        assert_eq!(of(&Value::Object(many)).len(), PARTICULARS_MAX);
        let deep = (0..100).fold(json!(1), |inner, _| json!({ "a": inner }));
        assert!(of(&deep).is_empty());
        let wide = json!({ "a": { "long": "x".repeat(300), "line": "a\nb", "": "fits: the path is a." } });
        assert_eq!(of(&wide).keys().collect::<Vec<_>>(), ["a."]);
        let large: Map<String, Value> =
            (0..60).map(|at| (format!("t{at:02}"), json!({ "x": "y".repeat(250) }))).collect();
        let told = of(&Value::Object(large));
        assert!(told.iter().map(|(path, text)| path.len() + text.len()).sum::<usize>() <= BYTES_MAX && told.len() > 10);
    }
}
