//! A table of one system: rows of behaviour, answer and ruling, and the text that is approved.

use serde_json::Value;

use crate::library::{Bench, Moment};

/// One system's rows, as they are added.
#[derive(Default)]
pub(crate) struct Table {
    text: String,
}

impl Table {
    /// Plays one moment that shows `behavior` (a sentence, with the place in systems.md), and writes down the row. `asks` must
    /// stand in what the policy says, `does` in what the bounds make of it (`decision replicas 2 to 3`, `restraint …`).
    #[track_caller]
    pub(crate) fn row(&mut self, behavior: &str, bench: &mut Bench, scene: &Value, asks: &str, does: &str) -> Moment {
        let moment = bench.play(scene).says(asks).says(does);
        self.text.push_str(&format!("{behavior}\n"));
        for line in moment.told().lines() {
            self.text.push_str(&format!("    {line}\n"));
        }
        self.text.push('\n');
        moment
    }

    /// A binding that is refused, and why.
    #[track_caller]
    pub(crate) fn refused(&mut self, behavior: &str, policy: &str, params: &Value, why: &str) {
        let Err(said) = Bench::try_of(policy, params) else { panic!("{behavior}: expected a refusal") };
        assert!(said.contains(why), "expected `{why}` in: {said}");
        self.text.push_str(&format!("{behavior}\n    the binding is refused: {said}\n\n"));
    }

    /// The table.
    pub(crate) fn end(self) -> String {
        self.text
    }
}
