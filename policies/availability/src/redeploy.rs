//! A changed template: instances that were made before the change are replaced, the oldest first, as many at once as the
//! bounds let be away.

use trimtab_sdk::{Kind, Snapshot};

use crate::crew::{Crew, Member, State};
use crate::past::{Past, mark_of};
use crate::stand_in::order;
use crate::{ACTIONS_MAX, Parameters, Plan};

/// `changed`: the label that tells the template apart, and when it changed.
pub(crate) fn roll(crew: &Crew<'_>, snapshot: &Snapshot<'_>, (label, changed_ms): (&str, u64), plan: &mut Plan) {
    let is_old = |one: &&Member<'_>| {
        let made_before = one.instance.started_ms.is_some_and(|started_ms| started_ms < changed_ms);
        made_before && matches!(one.state, State::Well | State::Unready | State::Coming | State::Late)
    };
    let mut old: Vec<&Member<'_>> = crew.members.iter().filter(is_old).collect();
    order(&mut old, ACTIONS_MAX, |one| one.instance.started_ms.unwrap_or(0));
    let (count, ago_s) = (old.len(), snapshot.now_ms().saturating_sub(changed_ms) / 1000);
    for member in old.into_iter().take(ACTIONS_MAX) {
        let id = &member.instance.id;
        let why = format!("`{label}` changed {ago_s} s ago, `{id}` is one of {count} older");
        plan.act(&[Kind::Replace, Kind::Restart], member, snapshot, why);
    }
}

impl Past {
    /// The label that tells the template apart, and since when it is as it is; `None` where it never changed, or is not there:
    /// a label that is away for a while says nothing.
    pub(crate) fn changed<'p>(
        &mut self,
        snapshot: &Snapshot<'_>,
        parameters: &'p Parameters,
    ) -> Option<(&'p str, u64)> {
        let label = parameters.digest_label.as_deref()?;
        let mark = mark_of(snapshot.label(label)?);
        let template = match self.template {
            // What is seen first is taken for what runs.
            None => (mark, 0),
            Some((known, since_ms)) if known == mark => (known, since_ms),
            Some(_) => (mark, snapshot.now_ms()),
        };
        self.template = Some(template);
        (template.1 > 0).then_some((label, template.1))
    }
}
