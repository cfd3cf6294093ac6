//! Typed parameters: declared once, turned into the manifest's list and into a checked struct.

mod declared;
mod types;

pub use declared::{Bound, Declared};
pub use types::{Json, ParameterType};

use crate::answer::Refusal;
use crate::wire::{ParamValue, Parameter};

/// The parameters of a policy. Made by [`parameters!`](crate::parameters!); `()` for a policy that has none.
pub trait ParameterSet: Sized {
    /// The manifest's list, in the order in which values cross.
    fn declare() -> Vec<Parameter>;

    /// The struct out of the values, which cross by position.
    ///
    /// # Errors
    /// `parameter-wrong` where number or type of the values is not what was declared. Ranges and choices were checked by
    /// the host when the binding was made.
    fn take(values: Vec<ParamValue>) -> Result<Self, Refusal>;
}

impl ParameterSet for () {
    fn declare() -> Vec<Parameter> {
        Vec::new()
    }

    fn take(values: Vec<ParamValue>) -> Result<Self, Refusal> {
        Values::new(values).finish()
    }
}

/// Declares a policy's parameters once: the struct, and what the manifest says of each.
///
/// A parameter has a name, a type (see [`ParameterType`]), a doc comment for the operator, and any of `default`, `min`,
/// `max`, `choices`, `schema`. One without a default is required, unless its type is an `Option`.
///
/// ```
/// use std::time::Duration;
/// trimtab_sdk::parameters! {
///     /// What the operator sets.
///     pub struct Parameters {
///         /// The reading to follow.
///         pub reading: String {},
///         /// Its target per replica.
///         pub target: f64 { default: 50, min: 0.001 },
///         /// How long to wait.
///         pub patience: Duration { default: Duration::from_secs(60), max: Duration::from_secs(3600) },
///         /// What to do at night.
///         pub night: Option<String> { choices: ["sleep", "work"] },
///     }
/// }
/// use trimtab_sdk::ParameterSet;
/// let declared = Parameters::declare();
/// assert_eq!(declared[0].required, true);
/// assert_eq!(declared[1].kind, "f64");
/// assert_eq!(declared[2].max, Some(3_600_000.0));
/// ```
#[macro_export]
macro_rules! parameters {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $field_vis:vis $field:ident : $type:ty { $( $key:ident : $value:expr ),* $(,)? }
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $( $(#[doc = $doc])* $field_vis $field: $type, )*
        }

        impl $crate::ParameterSet for $name {
            fn declare() -> ::std::vec::Vec<$crate::wire::Parameter> {
                ::std::vec![
                    $(
                        $crate::parameters::Declared::<$type>::new(stringify!($field), concat!($($doc),*))
                            $( .$key($value) )*
                            .finish(),
                    )*
                ]
            }

            fn take(
                values: ::std::vec::Vec<$crate::wire::ParamValue>,
            ) -> ::std::result::Result<Self, $crate::Refusal> {
                let mut values = $crate::parameters::Values::new(values);
                let set = Self { $( $field: values.next(stringify!($field))?, )* };
                values.finish()?;
                ::std::result::Result::Ok(set)
            }
        }
    };
}

/// The values as they cross, taken one after the other.
#[doc(hidden)]
#[derive(Debug)]
pub struct Values {
    rest: std::vec::IntoIter<ParamValue>,
}

impl Values {
    #[must_use]
    pub fn new(values: Vec<ParamValue>) -> Self {
        Self { rest: values.into_iter() }
    }

    pub fn next<T: ParameterType>(&mut self, name: &str) -> Result<T, Refusal> {
        let value = self.rest.next().ok_or_else(|| wrong(name, "was not passed"))?;
        T::from_wire(value).ok_or_else(|| wrong(name, T::KIND))
    }

    pub fn finish(self) -> Result<(), Refusal> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(Refusal::parameter_wrong(format!("{more} values more than the manifest declares"))),
        }
    }
}

#[cold]
#[inline(never)]
fn wrong(name: &str, expected: &str) -> Refusal {
    Refusal::parameter_wrong(format!("parameter `{name}`: expected {expected}"))
}

#[cfg(test)]
mod tests;
