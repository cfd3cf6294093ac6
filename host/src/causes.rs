//! Errors for a person: what `Display` says, and what lies beneath.

#[cfg(test)]
mod tests;

use std::error::Error;

/// An error and its causes, on one line. Errors of this house do not repeat their sources, so nothing is said twice.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}

/// The deepest cause alone: for libraries whose own words say only that there was an error.
#[must_use]
pub fn root_cause(error: &dyn Error) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

fn causes<'e>(error: &'e dyn Error) -> impl Iterator<Item = &'e dyn Error> {
    std::iter::successors(error.source(), |cause: &&'e dyn Error| (*cause).source())
}
