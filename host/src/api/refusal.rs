//! One of many things that were sent at once and is not taken; the others are not disturbed.

use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::alerts::AlertRefusal;
use crate::causes::on_one_line;
use crate::supervisor::PushError;

/// Most bytes of what is wrong: it may quote what was sent.
const DETAIL_CHARS_MAX: usize = 300;

/// One of many things that is not taken, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Refused {
    /// Which: counted from 0 in the order in which they were sent.
    pub(super) index: usize,
    /// For programs: never changes its meaning.
    pub(super) code: String,
    /// What is wrong.
    pub(super) detail: String,
    /// What to do.
    pub(super) remedy: String,
}

/// The same, before it is known which.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    code: &'static str,
    detail: String,
    remedy: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), remedy: remedy.into() }
    }

    /// It is not what is asked for.
    pub(super) fn shape(error: &serde_json::Error) -> Self {
        Self::new("wrong-shape", on_one_line(error), "see /openapi.json for what is asked for here")
    }

    pub(super) fn at(self, index: usize) -> Refused {
        let detail = short(&self.detail);
        Refused { index, code: self.code.to_owned(), detail, remedy: self.remedy }
    }

    /// Whether it may be meant for another source.
    pub(super) fn is_of_another(&self) -> bool {
        self.code == "no-such-reading"
    }

    /// What is wrong, in one sentence.
    pub(super) fn sentence(&self) -> String {
        short(&format!("{}: {}; {}", self.code, self.detail, self.remedy))
    }
}

fn short(text: &str) -> String {
    text.chars().take(DETAIL_CHARS_MAX).collect()
}

impl From<PushError> for Refusal {
    fn from(error: PushError) -> Self {
        Self::new(error.code(), error.to_string(), error.remedy())
    }
}

impl From<AlertRefusal> for Refusal {
    fn from(error: AlertRefusal) -> Self {
        Self::new(error.code(), error.to_string(), error.remedy())
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let (code, detail, remedy) = problem.parts();
        Self::new(code, detail, remedy)
    }
}
