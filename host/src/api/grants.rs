//! What the operator lets a version do, whatever bindings say.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Api;
use super::ask::{At, Body};
use super::guard::Caller;
use super::policies::version;
use super::problem::{Code, Problem};
use super::reply::Reply;
use super::uploads::TierWord;
use crate::access::Permission;
use crate::policy::{ProposalKind, Tier};
use crate::registry::Grants;

/// Kinds and bindings in one grant.
const WORDS_MAX: usize = 1000;
/// Longest word.
const WORD_BYTES_MAX: usize = 64;

/// What a version may do. What is left out is not withheld.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantsShown {
    /// Kinds of action that it may propose, of those that it declares; left out: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 1000)]
    kinds: Option<Vec<String>>,
    /// Bindings that may use it; left out: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 1000)]
    bindings: Option<Vec<String>>,
    /// Limits that it runs under, whatever a binding says; left out: as the binding says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    tier: Option<TierWord>,
}

/// Shows what a version may do.
#[utoipa::path(
    get, path = "/v1/versions/{digest}/grants", tag = "policies",
    params(("digest", description = "SHA-256 of its bytes")), responses((status = 200, body = GrantsShown))
)]
pub(super) async fn show(State(api): State<Api>, At(digest): At<String>) -> Result<Reply<GrantsShown>, Problem> {
    let version = version(&api, &digest).await?;
    Ok(Reply::ok(GrantsShown::of(&version.grants)))
}

/// Says what a version may do, in place of what was said before, and puts it into force. Refused where a binding runs it that
/// may not any more: activate another for it first.
#[utoipa::path(
    put, path = "/v1/versions/{digest}/grants", tag = "policies", request_body = GrantsShown,
    params(("digest", description = "SHA-256 of its bytes")), responses((status = 200, body = GrantsShown))
)]
pub(super) async fn put(
    State(api): State<Api>,
    caller: Caller,
    At(digest): At<String>,
    Body(wanted): Body<GrantsShown>,
) -> Result<Reply<GrantsShown>, Problem> {
    let grants = wanted.read()?;
    let before = version(&api, &digest).await?;
    let after = api.steering().grant(&before.digest, grants).await?;
    let object = format!("grants of version {} of {}", after.digest, after.name);
    let change = api.change(&caller, Permission::PolicyActivate, object);
    api.access().note(&change.from(&json!(before.grants)).to(&json!(after.grants))).await?;
    Ok(Reply::ok(GrantsShown::of(&after.grants)))
}

impl GrantsShown {
    fn of(grants: &Grants) -> Self {
        let kinds = grants.kinds.as_ref();
        Self {
            kinds: kinds.map(|kinds| kinds.iter().map(ToString::to_string).collect()),
            bindings: grants.bindings.clone(),
            tier: grants.tier.map(TierWord::from),
        }
    }

    fn read(self) -> Result<Grants, Problem> {
        let words = [&self.kinds, &self.bindings];
        let bad = |words: &Vec<String>| {
            let fits =
                |word: &String| !word.is_empty() && word.len() <= WORD_BYTES_MAX && !word.chars().any(char::is_control);
            words.len() > WORDS_MAX || !words.iter().all(fits)
        };
        if words.into_iter().flatten().any(bad) {
            let detail =
                format!("more than {WORDS_MAX} words, or one that is empty or longer than {WORD_BYTES_MAX} bytes");
            return Err(Problem::new(Code::REFUSED, detail, "name kinds and bindings as they are"));
        }
        let kinds: Option<Vec<ProposalKind>> =
            self.kinds.map(|kinds| kinds.into_iter().map(ProposalKind::from).collect());
        // A word that is misspelt would withhold what it was to grant.
        if let Some(ProposalKind::Other(word)) =
            kinds.iter().flatten().find(|kind| matches!(kind, ProposalKind::Other(_)))
        {
            let remedy = "use scale, resize, restart, replace, remove, start, redeploy and hold";
            return Err(Problem::new(Code::REFUSED, format!("{word:?} is no kind of action"), remedy));
        }
        Ok(Grants { kinds, bindings: self.bindings, tier: self.tier.map(Tier::from) })
    }
}
