//! A fuzzer's way to sentences with places; listed in `crate::fuzzing`.

use std::collections::BTreeMap;

use super::{FACT_CHARS_MAX, FIELDS, NOTICE_CHARS_MAX, Template};

/// A template, filled with facts that are long, and with none.
pub(crate) fn templates(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let template = Template::read(&text).map_err(|error| error.to_string())?;
    let long: BTreeMap<_, _> = FIELDS.into_iter().map(|field| (field, "long".repeat(FACT_CHARS_MAX))).collect();
    for facts in [BTreeMap::new(), long] {
        let filled = template.fill(&facts);
        assert!(filled.chars().count() <= NOTICE_CHARS_MAX + 1, "a notice that chats refuse: {filled:?}");
    }
    Ok(())
}
