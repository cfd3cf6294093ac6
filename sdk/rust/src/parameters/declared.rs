//! One parameter's declaration, and what follows from it for the manifest.

use std::marker::PhantomData;
use std::time::Duration;

use super::ParameterType;
use crate::needs::milliseconds;
use crate::wire::{ParamValue, Parameter};

/// Builds one parameter of the manifest. Its methods are the keys of [`parameters!`](crate::parameters!).
#[derive(Debug, Clone)]
pub struct Declared<T> {
    parameter: Parameter,
    kind: PhantomData<T>,
}

impl<T: ParameterType> Declared<T> {
    /// A parameter without default: required, unless its type is optional.
    #[must_use]
    pub fn new(name: &str, doc: &str) -> Self {
        Self { parameter: bare(name, doc, T::KIND, !T::OPTIONAL), kind: PhantomData }
    }

    /// The value where the operator gives none.
    #[must_use]
    pub fn default(mut self, value: impl Into<T>) -> Self {
        self.parameter.default = value.into().into_wire();
        self.parameter.required = false;
        self
    }

    /// The least number or duration; for lists, of each item.
    #[must_use]
    pub fn min(mut self, bound: impl Into<Bound>) -> Self {
        self.parameter.min = Some(bound.into().0);
        self
    }

    /// The greatest number or duration; for lists, of each item.
    #[must_use]
    pub fn max(mut self, bound: impl Into<Bound>) -> Self {
        self.parameter.max = Some(bound.into().0);
        self
    }

    /// The texts allowed; for lists, as each item.
    #[must_use]
    pub fn choices<const N: usize>(mut self, texts: [&str; N]) -> Self {
        self.parameter.choices = owned(&texts);
        self
    }

    /// A JSON Schema that the value fits.
    #[must_use]
    pub fn schema(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.parameter.schema);
        self
    }

    /// The manifest's entry.
    #[must_use]
    pub fn finish(self) -> Parameter {
        self.parameter
    }
}

/// An end of a range: a number, or a duration (which counts in milliseconds).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound(f64);

impl From<f64> for Bound {
    fn from(number: f64) -> Self {
        Self(number)
    }
}

impl From<i32> for Bound {
    fn from(number: i32) -> Self {
        Self(number.into())
    }
}

impl From<Duration> for Bound {
    fn from(span: Duration) -> Self {
        Self(milliseconds(span) as f64)
    }
}

/// Out of line, as is `owned`: inlined for every parameter of every policy, they were a tenth of a small guest.
#[inline(never)]
fn bare(name: &str, doc: &str, kind: &str, required: bool) -> Parameter {
    Parameter {
        name: name.to_owned(),
        kind: kind.to_owned(),
        default: ParamValue::Unset,
        required,
        min: None,
        max: None,
        choices: Vec::new(),
        schema: String::new(),
        // A doc comment begins with the blank after its slashes.
        doc: doc.strip_prefix(' ').unwrap_or(doc).to_owned(),
        attrs: Vec::new(),
    }
}

#[inline(never)]
fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
