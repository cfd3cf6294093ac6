//! Which Rust types a parameter can have, and how their values cross.

use std::time::Duration;

use crate::needs::milliseconds;
use crate::wire::ParamValue;

/// A type of parameter: `bool`, `i64`, `f64`, `String`, [`Duration`], a `Vec` of one of these, [`Json`], or an `Option` of
/// any of these for a parameter that may be left out.
pub trait ParameterType: Sized {
    /// The contract's name of the type.
    const KIND: &'static str;
    /// Whether the operator may leave it out although it has no default.
    const OPTIONAL: bool = false;

    /// The value as it crosses.
    fn into_wire(self) -> ParamValue;

    /// The value out of what crossed; `None` if that is of another type.
    fn from_wire(value: ParamValue) -> Option<Self>;
}

/// JSON text, checked by the host against the parameter's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(pub String);

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

macro_rules! parameter_types {
    ($( $type:ty, $kind:literal, $arm:ident; )*) => {
        $(
            impl ParameterType for $type {
                const KIND: &'static str = $kind;

                fn into_wire(self) -> ParamValue {
                    ParamValue::$arm(self)
                }

                fn from_wire(value: ParamValue) -> Option<Self> {
                    match value {
                        ParamValue::$arm(value) => Some(value),
                        _ => None,
                    }
                }
            }
        )*
    };
}

parameter_types! {
    bool, "bool", Flag;
    i64, "s64", Int;
    f64, "f64", Num;
    String, "text", Text;
    Vec<bool>, "list<bool>", Flags;
    Vec<i64>, "list<s64>", Ints;
    Vec<f64>, "list<f64>", Nums;
    Vec<String>, "list<text>", Texts;
}

impl ParameterType for Duration {
    const KIND: &'static str = "duration";

    fn into_wire(self) -> ParamValue {
        ParamValue::DurationMs(milliseconds(self))
    }

    fn from_wire(value: ParamValue) -> Option<Self> {
        match value {
            ParamValue::DurationMs(span_ms) => Some(Self::from_millis(span_ms)),
            _ => None,
        }
    }
}

impl ParameterType for Vec<Duration> {
    const KIND: &'static str = "list<duration>";

    fn into_wire(self) -> ParamValue {
        ParamValue::DurationsMs(self.into_iter().map(milliseconds).collect())
    }

    fn from_wire(value: ParamValue) -> Option<Self> {
        match value {
            ParamValue::DurationsMs(spans) => Some(spans.into_iter().map(Duration::from_millis).collect()),
            _ => None,
        }
    }
}

impl ParameterType for Json {
    const KIND: &'static str = "json";

    fn into_wire(self) -> ParamValue {
        ParamValue::Json(self.0)
    }

    fn from_wire(value: ParamValue) -> Option<Self> {
        match value {
            ParamValue::Json(text) => Some(Self(text)),
            _ => None,
        }
    }
}

impl<T: ParameterType> ParameterType for Option<T> {
    const KIND: &'static str = T::KIND;
    const OPTIONAL: bool = true;

    fn into_wire(self) -> ParamValue {
        self.map_or(ParamValue::Unset, T::into_wire)
    }

    fn from_wire(value: ParamValue) -> Option<Self> {
        match value {
            ParamValue::Unset => Some(None),
            given => T::from_wire(given).map(Some),
        }
    }
}
