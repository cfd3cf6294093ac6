//! Overscaler's rules, as they stand in the labels of a StatefulSet: `cpu-usage-percent_greater_90_scale`.
//!
//! Source: `check_rule` of GleamAI/overscaler: `greater` compares with `>=` and `lower` with `<=`, whatever its documentation says,
//! and the limit is a whole number.

use trimtab_sdk::Subject;

use crate::quantity;
use crate::statement::{Action, Aggregate, Check, Gathering, Order, Test};

/// The rule, or `None` if the statement has not that form.
pub(crate) fn read(statement: &str) -> Option<(Action, Test<'_>)> {
    let word = statement.trim_ascii();
    // Most statements are of the other form, and are seen to be at their first blank.
    if word.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return None;
    }
    let mut parts = word.rsplitn(4, '_');
    let (verb, limit, order, metric) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let action = match verb {
        "scale" => Action::Add(1),
        "reduce" => Action::Take(1),
        _ => return None,
    };
    let order = match order {
        "greater" => Order::AtLeast,
        "lower" => Order::AtMost,
        _ => return None,
    };
    let limit =
        quantity::whole(limit).filter(|_| !metric.is_empty() && limit.bytes().all(|byte| byte.is_ascii_digit()))?;
    let test = Test {
        text: metric,
        reading: metric,
        subject: Subject::Instance,
        gathering: Gathering::Over(Aggregate::Any),
        share: None,
        each: None,
        check: Check::Number(order, f64::from(limit)),
    };
    Some((action, test))
}
