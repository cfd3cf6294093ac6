//! A fuzzer's way to what reads HAProxy's statistics; listed in `crate::fuzzing`.

use super::page::Page;
use super::query::{Of, Query};
use super::steady::Steady;

/// The first line is a query, the rest what HAProxy answered to `show stat json`, which is looked at twice.
pub(crate) fn statistics(input: &[u8]) -> Result<(), String> {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (query, body) = input.split_at(line);
    let query = String::from_utf8_lossy(query);
    let query = Query::parse(&query)?;
    let proxy = query.proxy("web").into_owned();
    let mut steady = Steady::default();
    for restarted in [false, true] {
        let mut page = Page::read(body)?;
        steady.carry(&mut page, restarted);
        let stats = match query.of {
            Of::Frontend => page.frontend(&proxy),
            Of::Backend => page.backend(&proxy),
            Of::Server => page.server(&proxy, Some("127.0.0.1:81"), "trimtab.", "a"),
        };
        query.value(stats, "what was asked for")?;
    }
    Ok(())
}
