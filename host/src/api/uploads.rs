//! Uploads: streamed, measured and hashed on the way in; what becomes of them is a job that can be watched.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::ask::{Ask, At};
use super::guard::Caller;
use super::page::{self, Page};
use super::policies::VersionShown;
use super::problem::{Code, Problem};
use super::reply::Reply;
use crate::access::Permission;
use crate::policy::Tier;
use crate::quantity::DurationMs;
use crate::registry::{PushMeta, Signature};
use crate::sandbox::StringEncoding;

/// Uploads that arrive at once: each is in memory until it was tried.
const ARRIVING_MAX: usize = 4;
/// Policies that are fetched at once: likewise.
const FETCHED_MAX: usize = 4;
/// The header that holds an upload's signature.
const SIGNATURE: &str = "trimtab-signature";
/// Jobs that are remembered; of more, the oldest are forgotten.
const JOBS_MAX: usize = 1000;

/// How long, and for how much, a body that is refused is still heard.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 * 1024 * 1024;
/// What arrives is kept in blocks of so many bytes until it is whole.
const BLOCK_BYTES: usize = 1024 * 1024;

/// Jobs, by number.
#[derive(Debug)]
pub(super) struct Jobs {
    arriving: Semaphore,
    fetched: Arc<Semaphore>,
    known: Mutex<BTreeMap<u64, Job>>,
}

#[derive(Debug, Clone)]
struct Job {
    /// Empty until a pull has fetched the bytes.
    digest: String,
    /// Of a pull.
    reference: Option<String>,
    by: String,
    began_ms: u64,
    ended_ms: Option<u64>,
    /// Why the host could not see it through.
    failed: Option<String>,
}

impl Default for Jobs {
    fn default() -> Self {
        let fetched = Arc::new(Semaphore::new(FETCHED_MAX));
        Self { arriving: Semaphore::new(ARRIVING_MAX), fetched, known: Mutex::default() }
    }
}

/// How it is to be run.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// Limits that it runs under where a binding does not say; left out: its size decides.
    #[serde(default)]
    #[param(inline)]
    tier: Option<TierWord>,
    /// How a core module holds its texts, where it does not say so itself.
    #[serde(default)]
    #[param(inline)]
    encoding: Option<EncodingWord>,
}

/// Limits for compiled languages, or for interpreters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TierWord {
    /// Compiled languages.
    Compiled,
    /// Interpreters.
    Interpreted,
}

/// How a core module holds its texts.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EncodingWord {
    /// UTF-8.
    Utf8,
    /// UTF-16.
    Utf16,
}

/// What becomes of an upload.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobShown {
    /// Its number.
    job: u64,
    /// `running`, `done` (the version says whether it was rejected) or `failed` (the host is to blame: send it again).
    state: String,
    /// SHA-256 of the bytes, lower-case hex; empty until a pull has fetched them.
    digest: String,
    /// Of a pull: what was asked for; with the digest of the manifest once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// Who sent it.
    by: String,
    /// When it was here, in milliseconds since the Unix epoch.
    began_ms: u64,
    /// When it was seen through.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_ms: Option<u64>,
    /// Why it failed; of a pull with a code in front.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    /// The version, as far as it has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<VersionShown>,
}

/// The bytes of a component or a core module. Only the document speaks of it: an upload is streamed.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "a shape, never made")]
pub(super) struct Module(Vec<u8>);

/// Takes in a policy: a component or a core module, as it is. It is checked, compiled and tried off to the side, and runs
/// nowhere until it is activated. Bytes that were taken in already are no work.
#[utoipa::path(
    post, path = "/v1/policies", tag = "policies",
    params(How, ("trimtab-signature" = Option<String>, Header, description = "Ed25519 over the bytes, in base64")),
    request_body(content = Module, content_type = "application/wasm"),
    responses(
        (status = 200, body = VersionShown, description = "These bytes are known: this is the version"),
        (status = 202, body = JobShown, description = "Taken in; `location` names the job"),
    )
)]
pub(super) async fn upload(
    State(api): State<Api>,
    caller: Caller,
    Ask(how): Ask<How>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let signature = signature(&headers)?;
    let busy = || Problem::busy("too many uploads arrive at once");
    let arriving = api.jobs().arriving.try_acquire().map_err(|_full| busy())?;
    let (bytes, digest) = receive(&api, body).await?;
    drop(arriving);
    let meta = PushMeta {
        by: caller.identity.who(),
        at_ms: api.now_ms(),
        tier: how.tier.map(Tier::from),
        encoding: how.encoding.map(StringEncoding::from),
        signature,
        ..PushMeta::default()
    };
    if let Some(known) = api.steering().registry().known(&digest, &bytes, &meta).await? {
        return Ok(Reply::ok(VersionShown::of(&known)).into_response());
    }
    let upload = json!({ "bytes": bytes.len() });
    let change = api.change(&caller, Permission::PolicyUpload, format!("version {digest}")).to(&upload);
    api.access().note(&change).await?;
    let number = api.jobs().begin(&digest, None, &meta.by, meta.at_ms);
    let seen_through = api.clone();
    tokio::spawn(async move {
        let failed = seen_through.steering().push(&bytes, &meta).await.err().map(|error| error.to_string());
        seen_through.jobs().end(number, seen_through.now_ms(), failed);
    });
    let shown = job(&api, number).await?;
    let location = format!("/v1/jobs/{number}");
    Ok(([(header::LOCATION, location)], Reply(StatusCode::ACCEPTED, shown)).into_response())
}

/// Which page of jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Most rows, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page before ended: its `next`.
    after: Option<String>,
}

/// Lists uploads since the host started, newest first; of more than 1,000, the oldest are forgotten.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "policies", params(Which), responses((status = 200, body = Page<JobShown>))
)]
pub(super) async fn list(State(api): State<Api>, Ask(which): Ask<Which>) -> Result<Reply<Page<JobShown>>, Problem> {
    let limit = page::limit(which.limit)?;
    let before = page::number(which.after.as_deref())?;
    let mut rows = Vec::new();
    for number in api.jobs().before(before, limit + 1) {
        rows.push(job(&api, number).await?);
    }
    Ok(Reply::ok(Page::cut(rows, limit, |row: &JobShown| row.job.to_string())))
}

/// Says what became of an upload.
#[utoipa::path(
    get, path = "/v1/jobs/{job}", tag = "policies", params(("job" = u64, Path, description = "The job's number")),
    responses((status = 200, body = JobShown))
)]
pub(super) async fn show(State(api): State<Api>, At(number): At<u64>) -> Result<Reply<JobShown>, Problem> {
    job(&api, number).await.map(Reply::ok)
}

/// Reads the body frame by frame: what is too large is cut off at the limit, and a stream that stalls is not waited for.
async fn receive(api: &Api, mut body: Body) -> Result<(Vec<u8>, String), Problem> {
    let bytes_max = api.upload_bytes_max();
    let patience = DurationMs(api.settings().body_timeout_ms);
    let stall = patience.duration();
    let too_large = || {
        let detail = format!("the upload is larger than {bytes_max} bytes");
        Problem::new(Code::BODY_TOO_LARGE, detail, "strip it, or raise upload.bytes_max in [sandbox]")
    };
    // What is said to be too large is not waited for.
    if body.size_hint().lower() > bytes_max {
        tokio::spawn(linger(body));
        return Err(too_large());
    }
    let mut digest = Sha256::new();
    // In blocks: one list that grows would hold thrice what has arrived whenever it moves.
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut length = 0_u64;
    loop {
        let frame = tokio::time::timeout(stall, body.frame()).await.map_err(|_stalled| {
            let detail = format!("nothing of the body arrived for {patience}");
            Problem::new(Code::BODY_TOO_SLOW, detail, "send it faster, or raise body_timeout in [api]")
        })?;
        let cut = |_| Problem::new(Code::BODY_CUT_OFF, "the body ended before it was whole", "send it again");
        let Some(frame) = frame.transpose().map_err(cut)? else { break };
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len() as u64);
        if length > bytes_max {
            tokio::spawn(linger(body));
            return Err(too_large());
        }
        digest.update(&data);
        match blocks.last_mut().filter(|block| block.len() < BLOCK_BYTES) {
            Some(block) => block.extend_from_slice(&data),
            None => {
                let mut block = Vec::with_capacity(BLOCK_BYTES.max(data.len()));
                block.extend_from_slice(&data);
                blocks.push(block);
            }
        }
    }
    Ok((blocks.concat(), hex::encode(digest.finalize())))
}

/// Goes on to hear a body that is refused, for a little: whoever closes a connection on what was sent and not read resets it,
/// and the caller may never see why.
async fn linger(mut body: Body) {
    let mut heard = 0;
    let listen = async {
        while let Some(Ok(frame)) = body.frame().await {
            heard += frame.data_ref().map_or(0, |data| data.len());
            if heard > LINGER_BYTES {
                break;
            }
        }
    };
    // That it took too long is as good an end as any.
    let _ = tokio::time::timeout(LINGER, listen).await;
}

/// The signature that comes with an upload. One that cannot be read is not passed over: somebody meant something by it.
fn signature(headers: &HeaderMap) -> Result<Option<Signature>, Problem> {
    let read = headers.get(SIGNATURE).map(|value| Signature::read(value.as_bytes())).transpose();
    read.map_err(|error| {
        Problem::new(
            Code::BAD_SIGNATURE,
            error.to_string(),
            "send what `trimtab policy sign` writes, or no such header",
        )
    })
}

pub(super) async fn job(api: &Api, number: u64) -> Result<JobShown, Problem> {
    let job = api.jobs().get(number).ok_or_else(|| {
        let detail = format!("there is no job {number}");
        Problem::new(Code::NO_SUCH_JOB, detail, "jobs are forgotten when the host restarts; see GET /v1/policies")
    })?;
    let version = api.steering().registry().version(&job.digest).await?;
    let state = match (job.ended_ms, &job.failed) {
        (None, _) => "running",
        (Some(_), None) => "done",
        (Some(_), Some(_)) => "failed",
    };
    Ok(JobShown {
        job: number,
        state: state.to_owned(),
        digest: job.digest,
        reference: job.reference,
        by: job.by,
        began_ms: job.began_ms,
        ended_ms: job.ended_ms,
        failed: job.failed,
        version: version.as_ref().map(VersionShown::of),
    })
}

impl Jobs {
    /// Room for policies that are fetched.
    pub(super) fn places(&self) -> Arc<Semaphore> {
        Arc::clone(&self.fetched)
    }

    pub(super) fn begin(&self, digest: &str, reference: Option<&str>, by: &str, began_ms: u64) -> u64 {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let number = known.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
        let (digest, reference, by) = (digest.to_owned(), reference.map(str::to_owned), by.to_owned());
        known.insert(number, Job { digest, reference, by, began_ms, ended_ms: None, failed: None });
        while known.len() > JOBS_MAX {
            known.pop_first();
        }
        number
    }

    /// The bytes of a pull are here.
    pub(super) fn fetched(&self, number: u64, bytes: &[u8], reference: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = known.get_mut(&number) {
            job.digest = hex::encode(Sha256::digest(bytes));
            job.reference = Some(reference.to_owned());
        }
    }

    pub(super) fn end(&self, number: u64, at_ms: u64, failed: Option<String>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = known.get_mut(&number) {
            job.ended_ms = Some(at_ms);
            job.failed = failed;
        }
    }

    /// Numbers of jobs before this one, newest first.
    fn before(&self, number: Option<u64>, limit: usize) -> Vec<u64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.range(..number.unwrap_or(u64::MAX)).rev().take(limit).map(|(number, _)| *number).collect()
    }

    fn get(&self, number: u64) -> Option<Job> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }
}

impl From<TierWord> for Tier {
    fn from(tier: TierWord) -> Self {
        match tier {
            TierWord::Compiled => Self::Compiled,
            TierWord::Interpreted => Self::Interpreted,
        }
    }
}

impl From<Tier> for TierWord {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Compiled => Self::Compiled,
            Tier::Interpreted => Self::Interpreted,
        }
    }
}

impl From<EncodingWord> for StringEncoding {
    fn from(encoding: EncodingWord) -> Self {
        match encoding {
            EncodingWord::Utf8 => Self::Utf8,
            EncodingWord::Utf16 => Self::Utf16,
        }
    }
}
