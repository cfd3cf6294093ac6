//! Why a target is as it is: its records as a story.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::{Ask, At};
use super::decisions;
use super::events::gone;
use super::guard::Caller;
use super::problem::{Code, Problem};
use super::reply::Reply;
use super::targets::place;
use crate::access::Permission;
use crate::audit::{self, Event, Span};
use crate::snapshot::TargetId;

/// Most entries of a story, and how many there are where nobody says.
const ENTRIES_MAX: u32 = 1000;
const ENTRIES_DEFAULT: u32 = 20;

/// Which part of the story.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The turn that was the last one at this time, in full, whatever else is asked for. In milliseconds since the Unix epoch.
    at_ms: Option<u64>,
    /// From this time on.
    from_ms: Option<u64>,
    /// Before this time.
    to_ms: Option<u64>,
    /// The newest so many entries, 1 to 1000; 20 where nothing is said. Turns in which nothing was done are joined.
    #[param(minimum = 1, maximum = 1000)]
    last: Option<u32>,
    /// Whether the records are shown, too.
    #[serde(default)]
    whole: bool,
}

/// A story.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Explained {
    /// The target.
    target: String,
    /// For people; control characters in what policies and backends said are escaped.
    text: String,
    /// Its parts, oldest first, with their records; missing: they were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    parts: Option<Value>,
}

/// Says why a target is as it is: what was seen, what each policy answered, what held it back, what was done and what came of
/// it; and of a quiet time, why nothing was done.
#[utoipa::path(
    get, path = "/v1/targets/{driver}/{name}/explain", tag = "decisions",
    params(
        ("driver", description = "Its driver"), ("name", description = "Its name; a slash in it is sent as %2F"), Which,
    ),
    responses((status = 200, body = Explained))
)]
pub(super) async fn explain(
    State(api): State<Api>,
    caller: Caller,
    At((driver, name)): At<(String, String)>,
    Ask(which): Ask<Which>,
) -> Result<Reply<Explained>, Problem> {
    let unknown = || {
        let detail = format!("nothing is recorded of {:?}", format!("{driver}/{name}"));
        Problem::new(Code::NO_SUCH_TARGET, detail, "see GET /v1/targets; old records are dropped by age and size")
    };
    let id = TargetId::new(&driver, &name).map_err(|_strange| unknown())?;
    // A target that is gone has its records still.
    match api.steering().targets().get(&id) {
        Some(view) => caller.permit(Permission::DecisionRead, &place(view))?,
        None => caller.permit(Permission::DecisionRead, &gone(&id))?,
    }
    let mut events = audit::history(api.steering().store().as_ref(), &id, span(&which)?).await?;
    events.retain(|event| match event {
        Event::Turn(turn) => caller.permit(Permission::DecisionRead, &decisions::place(&turn.record)).is_ok(),
        _ => true,
    });
    if events.is_empty() && !api.steering().targets().contains_key(&id) {
        return Err(unknown());
    }
    let story = audit::explain(&events, which.at_ms.is_some());
    let text = if events.is_empty() { "nothing is recorded of this time\n".to_owned() } else { story.to_string() };
    let parts = which.whole.then(|| json!(story.parts));
    Ok(Reply::ok(Explained { target: id.to_string(), text, parts }))
}

fn span(which: &Which) -> Result<Span, Problem> {
    let last = which.last.unwrap_or(ENTRIES_DEFAULT);
    if !(1..=ENTRIES_MAX).contains(&last) {
        let detail = format!("last is {last}, and must be within 1 to {ENTRIES_MAX}");
        return Err(Problem::new(Code::BAD_QUERY, detail, "ask for less, with from_ms and to_ms"));
    }
    Ok(match which.at_ms {
        Some(at_ms) => Span { from_ms: 0, to_ms: at_ms.saturating_add(1), entries_max: 1 },
        None => Span {
            from_ms: which.from_ms.unwrap_or(0),
            to_ms: which.to_ms.unwrap_or(u64::MAX),
            entries_max: usize::try_from(last).unwrap_or(usize::MAX),
        },
    })
}
