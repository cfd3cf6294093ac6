//! The report as one page of HTML: plots as SVG in it, no script, nothing fetched from anywhere.

mod plot;

use std::fmt::Write as _;

use super::report::Report;
use crate::quantity::DurationMs;

/// Changes listed under a plot.
const CHANGES_SHOWN: usize = 100;

/// The page could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a plot could not be drawn: {what}")]
pub struct PageError {
    /// Why.
    what: String,
}

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:62rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem;border-top:1px solid #d8dee4;padding-top:1rem}\
h3{font-size:1rem;margin:1.6rem 0 .2rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
.wide{overflow-x:auto}td,th{padding:.2rem .7rem .2rem 0;text-align:right;white-space:nowrap}\
td:first-child,th:first-child,.list td{text-align:left}.list td:last-child{white-space:normal}th{color:#57606a;font-weight:600}\
tbody tr{border-top:1px solid #eaeef2}svg{max-width:100%;height:auto}.key span{margin-right:1.2rem}\
.key i{display:inline-block;width:1.1em;height:.7em;margin-right:.35em}.note{color:#9a3412}summary{cursor:pointer;color:#57606a}";

/// One self-contained page: `facts` (name and value of what all runs share), a table, and for each report its plots and
/// changes. All texts are escaped.
///
/// # Errors
/// Where a plot could not be drawn.
pub fn page(title: &str, facts: &[(String, String)], reports: &[Report]) -> Result<String, PageError> {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style></head>\n\
         <body>\n<h1>{title}</h1>\n",
        title = escaped(title)
    );
    html.push_str("<table class=\"list\">");
    for (name, value) in facts {
        push(&mut html, format_args!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(value)));
    }
    html.push_str("</table>\n");
    let mut traces: Vec<&str> = Vec::new();
    for report in reports.iter().filter(|report| !report.points.is_empty()) {
        if !traces.contains(&report.trace.as_str()) {
            traces.push(&report.trace);
        }
    }
    for trace in traces {
        let of_trace: Vec<&Report> = reports.iter().filter(|report| report.trace == trace).collect();
        push(&mut html, format_args!("<h2>{}</h2>\n", escaped(trace)));
        html.push_str(&table(&of_trace));
        html.push_str(KEY);
        for report in of_trace {
            push(&mut html, format_args!("<h3>{}</h3>\n", escaped(&report.contestant)));
            for note in report.notes() {
                push(&mut html, format_args!("<p class=\"note\">{}</p>\n", escaped(&note)));
            }
            html.push_str(&plot::demand(report)?);
            html.push_str(&plot::replicas(report)?);
            html.push_str(&changes(report));
        }
    }
    html.push_str("</body></html>\n");
    Ok(html)
}

const KEY: &str = "<p class=\"key\"><span><i style=\"background:#9ecae9\"></i>served</span>\
<span><i style=\"background:#f58518\"></i>unmet</span><span><i style=\"background:#2f6690\"></i>capacity ready</span>\
<span><i style=\"background:#bbbbbb\"></i>replicas asked for</span><span><i style=\"background:#2f6690\"></i>replicas that \
serve</span><span><i style=\"background:#eaeef2\"></i>readings absent</span></p>\n";

fn table(reports: &[&Report]) -> String {
    let mut html = String::from("<div class=\"wide\"><table><thead><tr>");
    for heading in Report::HEADINGS {
        push(&mut html, format_args!("<th>{}</th>", escaped(heading)));
    }
    html.push_str("</tr></thead><tbody>\n");
    for report in reports {
        html.push_str("<tr>");
        for cell in report.cells() {
            push(&mut html, format_args!("<td>{}</td>", escaped(&cell)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    html
}

fn changes(report: &Report) -> String {
    if report.changes.is_empty() {
        return "<p>No change.</p>\n".to_owned();
    }
    let shown = report.changes.len().min(CHANGES_SHOWN);
    let mut html = format!("<details><summary>The first {shown} changes</summary><table class=\"list\">\n");
    for moved in report.changes.iter().take(CHANGES_SHOWN) {
        let after = DurationMs(moved.at_ms.saturating_sub(report.from_ms));
        let what = if moved.from == moved.to { moved.kind.clone() } else { format!("{} → {}", moved.from, moved.to) };
        push(
            &mut html,
            format_args!("<tr><td>{after}</td><td>{}</td><td>{}</td></tr>\n", escaped(&what), escaped(&moved.why)),
        );
    }
    html.push_str("</table></details>\n");
    html
}

fn push(html: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a text never fails.
    let _ = html.write_fmt(text);
}

/// The text as it may stand between tags and in attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}
