//! Whether a manifest makes sense. Checked once, when a policy is loaded, so that all else can rely on it.

use super::manifest::{Manifest, ParamKind, ParamSpec, ParamValue};
use super::misread;
use super::params;
use super::schema;
use crate::sandbox::TierLimits;

const PARAMETERS_MAX: usize = 128;
const KINDS_MAX: usize = 32;
const CHOICES_MAX: usize = 128;
pub(super) const NAME_BYTES_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 2_048;
const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// Checks a manifest.
///
/// # Errors
/// The first thing that is wrong, in words for the policy's author.
pub(super) fn check(manifest: &Manifest, limits: &TierLimits) -> Result<(), String> {
    check_name("the policy's name", &manifest.name, b'-')?;
    if !is_version(&manifest.version) {
        return Err(format!("version {:?} is not a semantic version such as 1.0.0", short(&manifest.version)));
    }
    check_length("the summary", &manifest.summary, TEXT_BYTES_MAX)?;
    if manifest.kinds.len() > KINDS_MAX {
        return Err(format!("{} kinds of proposal, allowed are {KINDS_MAX}", manifest.kinds.len()));
    }
    for kind in &manifest.kinds {
        check_name("a kind of proposal", kind.as_str(), b'-')?;
    }
    if manifest.memory_bytes > limits.policy_memory_bytes_max {
        return Err(format!(
            "it wants {} bytes of memory, allowed are {}",
            manifest.memory_bytes, limits.policy_memory_bytes_max
        ));
    }
    if manifest.parameters.len() > PARAMETERS_MAX {
        return Err(format!("{} parameters, allowed are {PARAMETERS_MAX}", manifest.parameters.len()));
    }
    for (index, parameter) in manifest.parameters.iter().enumerate() {
        check_parameter(parameter).map_err(|what| format!("parameter {:?}: {what}", short(&parameter.name)))?;
        if manifest.parameters.iter().take(index).any(|earlier| earlier.name == parameter.name) {
            return Err(format!("two parameters are named {:?}", parameter.name));
        }
    }
    Ok(())
}

fn check_parameter(parameter: &ParamSpec) -> Result<(), String> {
    check_name("its name", &parameter.name, b'_')?;
    check_length("its doc", &parameter.doc, TEXT_BYTES_MAX)?;
    check_length("its schema", &parameter.schema, SCHEMA_BYTES_MAX)?;
    if let Some(bound) = [parameter.min, parameter.max].into_iter().flatten().find(|bound| !bound.is_finite()) {
        return Err(format!("its range has {bound} as a bound"));
    }
    if let (Some(min), Some(max)) = (parameter.min, parameter.max)
        && min > max
    {
        return Err(format!("its least value {min} is greater than its greatest {max}"));
    }
    if parameter.choices.len() > CHOICES_MAX {
        return Err(format!("{} choices, allowed are {CHOICES_MAX}", parameter.choices.len()));
    }
    let is_text = matches!(parameter.kind, ParamKind::Text | ParamKind::ListText);
    if !parameter.choices.is_empty() && !is_text {
        return Err(format!("it has choices, and its type is {}", parameter.kind));
    }
    for choice in &parameter.choices {
        check_length("a choice", choice, TEXT_BYTES_MAX)?;
    }
    if !parameter.schema.is_empty() {
        if parameter.kind != ParamKind::Json {
            return Err(format!("it has a schema, and its type is {}", parameter.kind));
        }
        schema::parse(&parameter.schema).map_err(|what| format!("its schema: {what}"))?;
    }
    if parameter.default == ParamValue::Unset {
        return Ok(());
    }
    params::check_value(parameter, &parameter.default).map_err(|what| format!("its default {what}"))
}

fn check_name(what: &str, name: &str, joint: u8) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == joint;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(fits) {
        return Err(format!(
            "{what} is {:?}: use 1 to {NAME_BYTES_MAX} lower-case letters, digits and {:?}{}",
            short(name),
            char::from(joint),
            misread::in_name(name)
        ));
    }
    Ok(())
}

fn check_length(what: &str, text: &str, bytes_max: usize) -> Result<(), String> {
    if text.len() > bytes_max {
        return Err(format!("{what} is {} bytes long, allowed are {bytes_max}", text.len()));
    }
    Ok(())
}

/// Three numbers, and behind `-` or `+` whatever a semantic version may have there.
fn is_version(version: &str) -> bool {
    let (numbers, rest) = version.split_at(version.find(['-', '+']).unwrap_or(version.len()));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    version.len() <= NAME_BYTES_MAX
        && numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte))
}

fn short(text: &str) -> String {
    text.chars().take(NAME_BYTES_MAX).collect()
}
