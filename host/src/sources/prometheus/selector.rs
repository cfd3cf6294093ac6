//! A series selector of PromQL, `http_requests_total{job="web",code!~"5.."}`: all that remote read can be asked for.

/// Most matchers of one selector.
const MATCHERS_MAX: usize = 64;

/// What a label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matcher {
    pub(super) name: String,
    pub(super) op: Op,
    pub(super) value: String,
}

/// How; the numbers are those of remote read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Equal = 0,
    NotEqual = 1,
    Like = 2,
    NotLike = 3,
}

/// The longer ones first: `=` begins `=~`.
const OPS: [(&str, Op); 4] = [("=~", Op::Like), ("!~", Op::NotLike), ("!=", Op::NotEqual), ("=", Op::Equal)];

/// Reads a selector.
///
/// # Errors
/// Where it is none, or would select everything.
pub(super) fn parse(text: &str) -> Result<Vec<Matcher>, String> {
    let (metric, rest) = name(text.trim(), true);
    let mut matchers = Vec::new();
    if !metric.is_empty() {
        matchers.push(Matcher { name: "__name__".to_owned(), op: Op::Equal, value: metric.to_owned() });
    }
    let mut rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside.trim_start();
        while !rest.starts_with('}') {
            let (matcher, behind) = matcher(rest)?;
            matchers.push(matcher);
            rest = behind.trim_start();
            match rest.strip_prefix(',') {
                Some(behind) => rest = behind.trim_start(),
                None if rest.starts_with('}') => {}
                None => return Err("a comma or `}` is missing".to_owned()),
            }
        }
        rest = rest.trim_start_matches('}').trim_start();
    }
    if !rest.is_empty() {
        return Err(format!("{rest:?} is too much"));
    }
    if matchers.len() > MATCHERS_MAX {
        return Err(format!("{} matchers are more than {MATCHERS_MAX}", matchers.len()));
    }
    if !matchers.iter().any(|matcher| matcher.op == Op::Equal && !matcher.value.is_empty()) {
        return Err("it names neither a metric nor a label's value".to_owned());
    }
    Ok(matchers)
}

/// `label="value"` at the head of the text, and what stands behind it.
fn matcher(text: &str) -> Result<(Matcher, &str), String> {
    let (label, rest) = name(text, false);
    if label.is_empty() {
        return Err("a label's name or `}` is missing".to_owned());
    }
    let rest = rest.trim_start();
    let found = OPS.iter().find_map(|(word, op)| Some((*op, rest.strip_prefix(word)?)));
    let (op, rest) = found.ok_or_else(|| format!("after label {label} there must be =, !=, =~ or !~"))?;
    let (value, rest) =
        quoted(rest.trim_start()).ok_or_else(|| format!("the value of {label} is no text in quotes"))?;
    Ok((Matcher { name: label.to_owned(), op, value }, rest))
}

fn name(text: &str, colon: bool) -> (&str, &str) {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    if text.starts_with(|c: char| c.is_ascii_digit()) { ("", text) } else { text.split_at(end) }
}

/// A text in quotes at the head, with the escapes that Go and PromQL share; in backticks nothing is escaped.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some((value, text.get(at + 1..)?)),
            '\\' if quote != '`' => value.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                c @ ('\\' | '"' | '\'') => c,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    None
}
