//! A fuzzer's way to what reads pages; listed in `crate::fuzzing`.

use std::collections::BTreeSet;

use super::exposition::Query;
use super::pages::keep;

/// The first line is a query, the rest a page. What is kept of a page for a query gives the same as the whole of it.
pub(crate) fn exposition(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let (query, page) = text.split_once('\n').unwrap_or((&text, ""));
    let query = Query::parse(query)?;
    let whole = query.sum(page);
    let kept = query.sum(&keep(page, &BTreeSet::from([query.name().to_owned()])));
    match (&whole, &kept) {
        (Ok(whole), Ok(kept)) => {
            assert_eq!((&whole.series, whole.at_ms), (&kept.series, kept.at_ms), "a page's kept part tells otherwise");
            assert!(whole.series.iter().all(|(_, value)| value.is_finite()), "a value that is not finite: {whole:?}");
        }
        _ => assert_eq!(whole.is_ok(), kept.is_ok(), "a page's kept part tells otherwise: {whole:?}, {kept:?}"),
    }
    whole.map(drop)
}
