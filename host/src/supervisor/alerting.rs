//! Alerts that others send: whom each is for, and the turn that it begins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::steering::Steering;
use crate::alerts::{Aim, Alerts};
use crate::audit::Trigger;
use crate::cycle::{Binding, TargetView};
use crate::snapshot::TargetId;

/// Labels that name the target of an alert, the first that there is.
const TARGET_LABELS: [&str; 2] = ["trimtab_target", "trimtab.target"];
/// A label that others use for other things: it counts only where it names a target that there is.
const TARGET_LABEL: &str = "target";

impl Steering {
    /// The alerts.
    #[must_use]
    pub fn alerts(&self) -> &Arc<Alerts> {
        self.alerts_kept()
    }

    /// Whom an alert is for: the target that it names, or else all targets of the bindings that match its labels.
    #[must_use]
    pub fn aim(&self, labels: &BTreeMap<String, String>, target: Option<&str>) -> Aim {
        let skip = |why: String| Aim { skipped: Some(why), ..Aim::default() };
        let named = target.or_else(|| TARGET_LABELS.iter().find_map(|label| labels.get(*label).map(String::as_str)));
        let view_of = |name: &str| self.target(&name.parse::<TargetId>().ok()?);
        if let Some(name) = named {
            let Some(view) = view_of(name) else { return skip(format!("there is no target {name:?}")) };
            return self.aim_at(&view);
        }
        if let Some(view) = labels.get(TARGET_LABEL).and_then(|name| view_of(name)) {
            return self.aim_at(&view);
        }
        let fits = |binding: &&Arc<Binding>| {
            let carries = |(label, value): (&String, &String)| labels.get(label) == Some(value);
            binding.alerts.iter().any(|wanted| wanted.iter().all(carries))
        };
        let bindings = self.bindings();
        let matching: Vec<&Arc<Binding>> = bindings.iter().filter(fits).collect();
        let asking = matching.iter().filter(|binding| binding.asks_for_alerts());
        let asking: Vec<String> = asking.map(|binding| binding.name.clone()).collect();
        match matching.first() {
            None => skip("it names no target, and no [[binding.NAME.alert]] matches it".to_owned()),
            Some(first) if asking.is_empty() => skip(no_policy(&first.name)),
            Some(_) => Aim { bindings: asking, ..Aim::default() },
        }
    }

    fn aim_at(&self, view: &TargetView) -> Aim {
        let target = view.target.id.clone();
        let bindings = self.bindings();
        let on_it = |name: &str| bindings.iter().find(|binding| binding.name == name);
        let mut on_it = view.seats.iter().filter_map(|seat| on_it(&seat.binding));
        let skipped = match view.seats.first() {
            None => Some(format!("no binding selects {target}")),
            Some(first) => (!on_it.any(|binding| binding.asks_for_alerts())).then(|| no_policy(&first.binding)),
        };
        match skipped {
            Some(_) => Aim { skipped, ..Aim::default() },
            None => Aim { targets: vec![target], ..Aim::default() },
        }
    }

    /// Has whomever these alerts are for looked at at once. `what` names the alerts, for the record.
    pub fn alerts_came<'a>(&self, aims: impl IntoIterator<Item = &'a Aim>, what: &str) {
        let mut targets: BTreeSet<TargetId> = BTreeSet::new();
        let mut bindings: BTreeSet<&str> = BTreeSet::new();
        for aim in aims {
            targets.extend(aim.targets.iter().cloned());
            bindings.extend(aim.bindings.iter().map(String::as_str));
        }
        if !bindings.is_empty() {
            let sits = |view: &TargetView| view.seats.iter().any(|seat| bindings.contains(seat.binding.as_str()));
            targets.extend(self.targets().values().filter(|view| sits(view)).map(|view| view.target.id.clone()));
        }
        if !targets.is_empty() {
            let what: String = format!("alert {what}").chars().take(200).collect();
            self.turn_soon(targets, &Trigger::Event { what });
        }
    }
}

fn no_policy(binding: &str) -> String {
    format!("no policy of binding {binding:?} asks for alerts")
}
