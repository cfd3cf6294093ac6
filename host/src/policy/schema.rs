//! The part of JSON Schema that parameters of type `json` can be described with: `type`, `enum`, `const`, `properties`,
//! `required`, `additionalProperties` (yes or no), `items`, `minItems`, `maxItems`, `minimum`, `maximum`, `minLength`,
//! `maxLength`; `title`, `description`, `default`, `examples`, `$schema` and `$id` are read over. A manifest with any other
//! keyword is refused: a rule that is not checked is worse than none.

use serde_json::{Map, Value};

/// Deepest nesting of a schema.
const DEPTH_MAX: usize = 16;

/// A schema all of whose keywords are known.
#[derive(Debug)]
pub(super) struct Schema(Value);

/// Reads a schema.
///
/// # Errors
/// Where it is not JSON or uses what is not checked here.
pub(super) fn parse(text: &str) -> Result<Schema, String> {
    let schema = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    check_keywords(&schema, DEPTH_MAX)?;
    Ok(Schema(schema))
}

impl Schema {
    /// Checks a value.
    ///
    /// # Errors
    /// The first place that does not fit, and why.
    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        check(&self.0, value, "$")
    }
}

fn check_keywords(schema: &Value, depth_left: usize) -> Result<(), String> {
    let Some(deeper) = depth_left.checked_sub(1) else { return Err("is nested too deep".to_owned()) };
    let keywords = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(keywords) => keywords,
        _ => return Err("is neither an object nor true or false".to_owned()),
    };
    for (keyword, value) in keywords {
        let fits = match keyword.as_str() {
            "title" | "description" | "default" | "examples" | "$schema" | "$id" | "const" => true,
            "type" => {
                value.as_str().is_some() || value.as_array().is_some_and(|types| types.iter().all(Value::is_string))
            }
            "enum" => value.is_array(),
            "required" => value.as_array().is_some_and(|names| names.iter().all(Value::is_string)),
            "additionalProperties" => value.is_boolean(),
            "minItems" | "maxItems" | "minLength" | "maxLength" => value.is_u64(),
            "minimum" | "maximum" => value.is_number(),
            "items" => return_deeper(std::iter::once(value), deeper)?,
            "properties" => {
                let Some(properties) = value.as_object() else {
                    return Err("`properties` is not an object".to_owned());
                };
                return_deeper(properties.values(), deeper)?
            }
            other => return Err(format!("uses {other:?}, which this host does not check")),
        };
        if !fits {
            return Err(format!("has a wrong {keyword:?}"));
        }
    }
    Ok(())
}

fn return_deeper<'a>(schemas: impl Iterator<Item = &'a Value>, depth_left: usize) -> Result<bool, String> {
    for schema in schemas {
        check_keywords(schema, depth_left)?;
    }
    Ok(true)
}

fn check(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let keywords = match schema {
        Value::Bool(false) => return Err(format!("{at} must not be there")),
        Value::Object(keywords) => keywords,
        _ => return Ok(()),
    };
    check_type(keywords, value, at)?;
    if keywords.get("enum").and_then(Value::as_array).is_some_and(|values| !values.contains(value)) {
        return Err(format!("{at} is none of the values allowed"));
    }
    if keywords.get("const").is_some_and(|constant| constant != value) {
        return Err(format!("{at} is not the value allowed"));
    }
    match value {
        Value::Object(fields) => check_object(keywords, fields, at),
        Value::Array(items) => check_array(keywords, items, at),
        #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^52")]
        Value::String(text) => in_bounds(keywords, "minLength", "maxLength", text.chars().count() as f64, at),
        Value::Number(number) => in_bounds(keywords, "minimum", "maximum", number.as_f64().unwrap_or(0.0), at),
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

fn check_type(keywords: &Map<String, Value>, value: &Value, at: &str) -> Result<(), String> {
    let fits = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    };
    let (ok, names) = match keywords.get("type") {
        Some(Value::String(name)) => (fits(name), name.clone()),
        Some(Value::Array(names)) => {
            (names.iter().filter_map(Value::as_str).any(fits), Value::from(names.clone()).to_string())
        }
        _ => return Ok(()),
    };
    if ok { Ok(()) } else { Err(format!("{at} is not of type {names}")) }
}

fn check_object(keywords: &Map<String, Value>, fields: &Map<String, Value>, at: &str) -> Result<(), String> {
    let required = keywords.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if !fields.contains_key(name) {
            return Err(format!("{at}.{name} is missing"));
        }
    }
    let properties = keywords.get("properties").and_then(Value::as_object);
    let others_allowed = keywords.get("additionalProperties") != Some(&Value::Bool(false));
    for (name, field) in fields {
        match properties.and_then(|properties| properties.get(name)) {
            Some(schema) => check(schema, field, &format!("{at}.{name}"))?,
            None if !others_allowed => return Err(format!("{at}.{name} is unknown")),
            None => {}
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a length is far below 2^52")]
fn check_array(keywords: &Map<String, Value>, items: &[Value], at: &str) -> Result<(), String> {
    in_bounds(keywords, "minItems", "maxItems", items.len() as f64, at)?;
    let Some(schema) = keywords.get("items") else { return Ok(()) };
    items.iter().enumerate().try_for_each(|(index, item)| check(schema, item, &format!("{at}[{index}]")))
}

fn in_bounds(keywords: &Map<String, Value>, least: &str, most: &str, number: f64, at: &str) -> Result<(), String> {
    let bound = |keyword: &str| keywords.get(keyword).and_then(Value::as_f64);
    if let Some(least) = bound(least).filter(|least| number < *least) {
        return Err(format!("{at} has {number}, at least {least} is asked for"));
    }
    if let Some(most) = bound(most).filter(|most| number > *most) {
        return Err(format!("{at} has {number}, at most {most} is allowed"));
    }
    Ok(())
}
