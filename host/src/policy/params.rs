//! The operator's parameters, checked against what the policy declares.

use std::fmt;

use serde_json::{Map, Value};

use super::declared::NAME_BYTES_MAX;
use super::manifest::{ParamKind, ParamSpec, ParamValue};
use super::schema;
use crate::quantity::DurationMs;

/// Longest text of one parameter.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// Most items of one list.
const ITEMS_MAX: usize = 4_096;

/// One thing that is wrong with the parameters of a binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamComplaint {
    /// The parameter.
    pub name: String,
    /// What is wrong, with type, range or choices.
    pub what: String,
}

impl fmt::Display for ParamComplaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parameter {:?} {}", self.name, self.what)
    }
}

/// The values in the manifest's order, defaults filled in. Durations are texts such as `"90s"` or `"1h30m"`, or numbers of
/// milliseconds; parameters of type `json` are any value, or a text that holds JSON.
///
/// # Errors
/// Every complaint, not only the first.
pub fn check_params(specs: &[ParamSpec], given: &Map<String, Value>) -> Result<Vec<ParamValue>, Vec<ParamComplaint>> {
    let mut complaints = Vec::new();
    for name in given.keys().filter(|name| specs.iter().all(|spec| spec.name != **name)) {
        complaints.push(ParamComplaint { name: name.clone(), what: unknown(specs, name) });
    }
    let mut values = Vec::with_capacity(specs.len());
    for spec in specs {
        let checked = match given.get(&spec.name) {
            None if spec.required && spec.default == ParamValue::Unset => {
                Err(format!("is missing: {}", expected(spec)))
            }
            None => Ok(spec.default.clone()),
            Some(value) => read(spec, value).and_then(|value| check_value(spec, &value).map(|()| value)),
        };
        match checked {
            Ok(value) => values.push(value),
            Err(what) => complaints.push(ParamComplaint { name: spec.name.clone(), what }),
        }
    }
    if complaints.is_empty() { Ok(values) } else { Err(complaints) }
}

fn unknown(specs: &[ParamSpec], name: &str) -> String {
    // No parameter's name is longer; what an operator writes may be of any length.
    let short: String = name.chars().take(NAME_BYTES_MAX).collect();
    let nearest =
        specs.iter().map(|spec| (strsim::levenshtein(&spec.name, &short), spec)).min_by_key(|(distance, _)| *distance);
    match nearest {
        None => "is unknown: this policy has no parameters".to_owned(),
        Some((distance, spec)) if distance <= 1 + name.len() / 3 => {
            format!("is unknown: do you mean {:?}?", spec.name)
        }
        Some(_) => {
            let names: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
            format!("is unknown: this policy has {}", names.join(", "))
        }
    }
}

/// Reads a value as the declared type, without regard to its range.
fn read(spec: &ParamSpec, value: &Value) -> Result<ParamValue, String> {
    let wrong = || format!("is {}: {}", shown(value), expected(spec));
    let items = || match value {
        Value::Array(items) if items.len() <= ITEMS_MAX => Ok(items),
        Value::Array(items) => Err(format!("has {} items, allowed are {ITEMS_MAX}", items.len())),
        _ => Err(wrong()),
    };
    Ok(match spec.kind {
        ParamKind::Bool => ParamValue::Flag(value.as_bool().ok_or_else(wrong)?),
        ParamKind::S64 => ParamValue::Int(whole(value).ok_or_else(wrong)?),
        ParamKind::F64 => ParamValue::Num(finite(value).ok_or_else(wrong)?),
        ParamKind::Text => ParamValue::Text(value.as_str().ok_or_else(wrong)?.to_owned()),
        ParamKind::Duration => ParamValue::DurationMs(duration(value).ok_or_else(wrong)?),
        ParamKind::ListBool => ParamValue::Flags(all(items()?, Value::as_bool).ok_or_else(wrong)?),
        ParamKind::ListS64 => ParamValue::Ints(all(items()?, whole).ok_or_else(wrong)?),
        ParamKind::ListF64 => ParamValue::Nums(all(items()?, finite).ok_or_else(wrong)?),
        ParamKind::ListText => {
            ParamValue::Texts(all(items()?, |item| item.as_str().map(str::to_owned)).ok_or_else(wrong)?)
        }
        ParamKind::ListDuration => ParamValue::DurationsMs(all(items()?, duration).ok_or_else(wrong)?),
        ParamKind::Json => ParamValue::Json(match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
    })
}

/// Checks a value's type, range, choices and schema: the operator's values and the manifest's defaults alike.
///
/// # Errors
/// What is wrong, to be put behind the parameter's name.
pub(super) fn check_value(spec: &ParamSpec, value: &ParamValue) -> Result<(), String> {
    #[expect(clippy::cast_precision_loss, reason = "bounds are f64; near them a part in 10^15 does not matter")]
    match (spec.kind, value) {
        (ParamKind::Bool, ParamValue::Flag(_)) | (ParamKind::ListBool, ParamValue::Flags(_)) => Ok(()),
        (ParamKind::S64, ParamValue::Int(int)) => in_range(spec, *int as f64),
        (ParamKind::F64, ParamValue::Num(num)) => in_range(spec, *num),
        (ParamKind::Duration, ParamValue::DurationMs(ms)) => in_range(spec, *ms as f64),
        (ParamKind::ListS64, ParamValue::Ints(ints)) => ints.iter().try_for_each(|int| in_range(spec, *int as f64)),
        (ParamKind::ListF64, ParamValue::Nums(nums)) => nums.iter().try_for_each(|num| in_range(spec, *num)),
        (ParamKind::ListDuration, ParamValue::DurationsMs(ms)) => {
            ms.iter().try_for_each(|ms| in_range(spec, *ms as f64))
        }
        (ParamKind::Text, ParamValue::Text(text)) => is_choice(spec, text),
        (ParamKind::ListText, ParamValue::Texts(texts)) => texts.iter().try_for_each(|text| is_choice(spec, text)),
        (ParamKind::Json, ParamValue::Json(text)) => fits_schema(spec, text),
        _ => Err(format!("is of another type: {}", expected(spec))),
    }
}

fn in_range(spec: &ParamSpec, number: f64) -> Result<(), String> {
    let low = spec.min.is_some_and(|min| number < min);
    let high = spec.max.is_some_and(|max| number > max);
    if !number.is_finite() || low || high {
        return Err(format!("is {}: {}", spec.shown(number), expected(spec)));
    }
    Ok(())
}

fn is_choice(spec: &ParamSpec, text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("is {} bytes long, allowed are {TEXT_BYTES_MAX}", text.len()));
    }
    if !spec.choices.is_empty() && spec.choices.iter().all(|choice| choice != text) {
        return Err(format!("is {text:?}: {}", expected(spec)));
    }
    Ok(())
}

fn fits_schema(spec: &ParamSpec, text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("is {} bytes long, allowed are {TEXT_BYTES_MAX}", text.len()));
    }
    let value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    if spec.schema.is_empty() {
        return Ok(());
    }
    schema::parse(&spec.schema)?.check(&value).map_err(|what| format!("does not fit its schema: {what}"))
}

/// The type, range and choices, as a person needs to read them.
fn expected(spec: &ParamSpec) -> String {
    let mut text = match spec.kind {
        ParamKind::Bool => "expected true or false".to_owned(),
        ParamKind::S64 => "expected a whole number".to_owned(),
        ParamKind::F64 => "expected a number".to_owned(),
        ParamKind::Text => "expected a text".to_owned(),
        ParamKind::Duration => "expected a duration such as \"5m\"".to_owned(),
        ParamKind::Json => "expected JSON".to_owned(),
        list => format!("expected a {list}"),
    };
    match (spec.min.map(|min| spec.shown(min)), spec.max.map(|max| spec.shown(max))) {
        (Some(min), Some(max)) => text.push_str(&format!(" from {min} to {max}")),
        (Some(min), None) => text.push_str(&format!(", at least {min}")),
        (None, Some(max)) => text.push_str(&format!(", at most {max}")),
        (None, None) => {}
    }
    if !spec.choices.is_empty() {
        text.push_str(&format!(", one of {}", spec.choices.join(", ")));
    }
    text
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64()
}

fn finite(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

fn duration(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok().map(|DurationMs(ms)| ms),
        number => number.as_u64(),
    }
}

fn all<T>(items: &[Value], read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    items.iter().map(read).collect()
}

fn shown(value: &Value) -> String {
    const CHARS_MAX: usize = 80;
    let text = value.to_string();
    if text.chars().count() > CHARS_MAX {
        format!("{} …", text.chars().take(CHARS_MAX).collect::<String>())
    } else {
        text
    }
}
