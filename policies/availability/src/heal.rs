//! Single instances: what is stopped is started, what is unready restarted, what has failed or is lost replaced.

use trimtab_sdk::{Kind, Phase, Snapshot};

use crate::crew::{Crew, Member, State};
use crate::past::Past;
use crate::{Parameters, Plan};

/// Asks for what is due. Starting and replacing only make good what is missing of the desired count: where the backend or the
/// host's repair has made others already, there is nothing left to do for those that are gone.
pub(crate) fn heal(
    crew: &Crew<'_>,
    snapshot: &Snapshot<'_>,
    parameters: &Parameters,
    past: &mut Past,
    plan: &mut Plan,
) {
    let desired = snapshot.desired();
    let short = desired.saturating_sub(crew.present());
    let gone = [State::Stopped, State::Failed, State::Lost, State::Away];
    for member in gone.iter().flat_map(|state| crew.members.iter().filter(move |one| one.state == *state)) {
        if plan.made_good >= short || (member.state == State::Away && parameters.hand_over) {
            continue;
        }
        let kinds: &[Kind] = match member.state {
            State::Stopped => &[Kind::Start, Kind::Replace],
            State::Failed => &[Kind::Replace, Kind::Restart],
            _ => &[Kind::Replace],
        };
        ask(member, kinds, snapshot, format!("{}; {short} of {desired} are missing", member.trouble()), past, plan);
    }
    let restarts = u32::try_from(parameters.restarts).unwrap_or(0);
    for member in crew.members.iter().filter(|one| matches!(one.state, State::Unready | State::Late)) {
        let (kinds, tries): (&[Kind], _) = if member.instance.phase() == Phase::Pending {
            // Nothing runs yet that could be restarted.
            (&[Kind::Replace], "tried")
        } else if member.tries < restarts {
            (&[Kind::Restart, Kind::Replace], "tried")
        } else {
            (&[Kind::Replace, Kind::Restart], "in vain tried")
        };
        let why = format!("{}, {tries} {} of {restarts} restarts", member.trouble(), member.tries);
        ask(member, kinds, snapshot, why, past, plan);
    }
}

/// Asks for what the backend can do, if the member is due; else says what is waited for.
fn ask(member: &Member<'_>, kinds: &[Kind], snapshot: &Snapshot<'_>, why: String, past: &mut Past, plan: &mut Plan) {
    if plan.has_acted_on(member) {
        return;
    }
    if !member.is_due() {
        plan.notes.push(why);
    } else if plan.act(kinds, member, snapshot, why) {
        past.note_asked(member.instance, snapshot.now_ms());
    }
}
