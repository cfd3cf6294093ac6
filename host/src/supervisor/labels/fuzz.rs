//! A fuzzer's way to what labels on workloads are made into; listed in `crate::fuzzing`.

use serde_json::Map;

use super::{Read, count, mode, policy_name, range, shown, value};
use crate::bounds::Range;
use crate::policy::{ParamKind, ParamSpec, ParamValue, check_params};

const KINDS: [ParamKind; 11] = [
    ParamKind::Bool,
    ParamKind::S64,
    ParamKind::F64,
    ParamKind::Text,
    ParamKind::Duration,
    ParamKind::ListBool,
    ParamKind::ListS64,
    ParamKind::ListF64,
    ParamKind::ListText,
    ParamKind::ListDuration,
    ParamKind::Json,
];

/// One label's value: as a number of replicas, a mode, a policy, and a parameter of each kind.
pub(crate) fn labels(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    assert!(shown(&text).len() < 2_048, "what is shown of a label is longer than a person reads");
    let caps = Range { min: 1, max: 20 };
    if let Ok(asked) = count(&text) {
        for (min, max) in [(Some(asked), None), (None, Some(asked))] {
            let mut read = Read { min, max, ..Read::default() };
            if let Ok(held) = range(Range { min: 2, max: 10 }, caps, &mut read) {
                assert!(caps.min <= held.min && held.min <= held.max && held.max <= caps.max, "{asked}: {held:?}");
            }
        }
    }
    let mut complaints: Vec<String> =
        [count(&text).err(), mode(&text).err(), policy_name(&text).err()].into_iter().flatten().collect();
    for kind in KINDS {
        let spec = ParamSpec {
            name: "one".to_owned(),
            kind,
            default: ParamValue::Unset,
            required: true,
            min: Some(-1e9),
            max: Some(1e9),
            choices: Vec::new(),
            schema: String::new(),
            doc: String::new(),
        };
        let given = Map::from_iter([("one".to_owned(), value(kind, &text))]);
        match check_params(&[spec], &given) {
            Ok(values) => assert!(values.iter().all(is_finite), "{values:?}"),
            Err(found) => complaints.extend(found.iter().map(ToString::to_string)),
        }
    }
    // All of them are told together.
    match complaints.into_iter().max_by_key(String::len) {
        Some(longest) => Err(longest),
        None => Ok(()),
    }
}

fn is_finite(value: &ParamValue) -> bool {
    match value {
        ParamValue::Num(number) => number.is_finite(),
        ParamValue::Nums(numbers) => numbers.iter().all(|number| number.is_finite()),
        _ => true,
    }
}
