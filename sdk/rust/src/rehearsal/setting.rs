//! Parameters by name, checked against the manifest as the host does when a binding is made.

use std::time::Duration;

use crate::needs::milliseconds;
use crate::wire::{ParamValue, Parameter};

/// A value that an operator gives to a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Num(f64),
    /// A text, or JSON.
    Text(String),
    /// A duration.
    Span(Duration),
    /// A list of one type.
    List(Vec<Setting>),
}

macro_rules! settings {
    ($( $type:ty => $arm:ident, )*) => {
        $(
            impl From<$type> for Setting {
                fn from(value: $type) -> Self {
                    Self::$arm(value.into())
                }
            }
        )*
    };
}

settings! {
    bool => Flag,
    i32 => Int,
    i64 => Int,
    f64 => Num,
    &str => Text,
    String => Text,
    Duration => Span,
}

impl<T: Into<Setting>> From<Vec<T>> for Setting {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Setting>, const N: usize> From<[T; N]> for Setting {
    fn from(items: [T; N]) -> Self {
        Self::List(items.map(Into::into).into())
    }
}

/// The values in the manifest's order, or what is wrong with them in a sentence.
pub(super) fn values(declared: &[Parameter], given: &[(String, Setting)]) -> Result<Vec<ParamValue>, String> {
    if let Some((name, _)) = given.iter().find(|(name, _)| declared.iter().all(|one| one.name != *name)) {
        return Err(format!("there is no parameter `{name}`"));
    }
    declared
        .iter()
        .map(|one| value(one, given.iter().find(|(name, _)| *name == one.name).map(|(_, value)| value)))
        .collect()
}

fn value(declared: &Parameter, given: Option<&Setting>) -> Result<ParamValue, String> {
    let Parameter { name, kind, .. } = declared;
    let Some(given) = given else {
        return if declared.required {
            Err(format!("parameter `{name}` is required"))
        } else {
            Ok(declared.default.clone())
        };
    };
    let value = converted(kind, given).ok_or_else(|| format!("parameter `{name}` is not of type {kind}"))?;
    for number in numbers(&value) {
        if !number.is_finite() {
            return Err(format!("parameter `{name}` is not a finite number"));
        }
        let (least, most) = (declared.min.unwrap_or(f64::MIN), declared.max.unwrap_or(f64::MAX));
        if number < least || number > most {
            return Err(format!("parameter `{name}` is {number}, not within {least} to {most}"));
        }
    }
    if let Some(text) = texts(&value).find(|text| !declared.choices.is_empty() && !declared.choices.contains(text)) {
        return Err(format!("parameter `{name}` is `{text}`, none of {}", declared.choices.join(", ")));
    }
    Ok(value)
}

fn converted(kind: &str, given: &Setting) -> Option<ParamValue> {
    Some(match (kind, given) {
        ("bool", Setting::Flag(flag)) => ParamValue::Flag(*flag),
        ("s64", Setting::Int(int)) => ParamValue::Int(*int),
        ("f64", number) => ParamValue::Num(num(number)?),
        ("text", Setting::Text(text)) => ParamValue::Text(text.clone()),
        ("json", Setting::Text(text)) => ParamValue::Json(text.clone()),
        ("duration", Setting::Span(span)) => ParamValue::DurationMs(milliseconds(*span)),
        ("list<bool>", Setting::List(items)) => ParamValue::Flags(all(items, |item| match item {
            Setting::Flag(flag) => Some(*flag),
            _ => None,
        })?),
        ("list<s64>", Setting::List(items)) => ParamValue::Ints(all(items, |item| match item {
            Setting::Int(int) => Some(*int),
            _ => None,
        })?),
        ("list<f64>", Setting::List(items)) => ParamValue::Nums(all(items, num)?),
        ("list<text>", Setting::List(items)) => ParamValue::Texts(all(items, |item| match item {
            Setting::Text(text) => Some(text.clone()),
            _ => None,
        })?),
        ("list<duration>", Setting::List(items)) => ParamValue::DurationsMs(all(items, |item| match item {
            Setting::Span(span) => Some(milliseconds(*span)),
            _ => None,
        })?),
        _ => return None,
    })
}

fn num(given: &Setting) -> Option<f64> {
    match given {
        Setting::Num(number) => Some(*number),
        Setting::Int(int) => Some(*int as f64),
        _ => None,
    }
}

fn all<T>(items: &[Setting], convert: impl Fn(&Setting) -> Option<T>) -> Option<Vec<T>> {
    items.iter().map(convert).collect()
}

fn numbers(value: &ParamValue) -> Vec<f64> {
    match value {
        ParamValue::Int(int) => vec![*int as f64],
        ParamValue::Num(number) => vec![*number],
        ParamValue::DurationMs(span_ms) => vec![*span_ms as f64],
        ParamValue::Ints(ints) => ints.iter().map(|int| *int as f64).collect(),
        ParamValue::Nums(numbers) => numbers.clone(),
        ParamValue::DurationsMs(spans) => spans.iter().map(|span_ms| *span_ms as f64).collect(),
        _ => Vec::new(),
    }
}

fn texts(value: &ParamValue) -> impl Iterator<Item = &String> {
    match value {
        ParamValue::Text(text) => std::slice::from_ref(text).iter(),
        ParamValue::Texts(texts) => texts.iter(),
        _ => [].iter(),
    }
}
