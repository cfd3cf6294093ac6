use super::*;

#[derive(Debug, thiserror::Error)]
#[error("failed to open the store")]
struct Outer(#[source] std::io::Error);

#[test]
fn an_error_is_told_with_its_causes_or_by_the_deepest_alone() {
    let error = Outer(std::io::Error::other("no space"));
    assert_eq!(with_causes(&error), "failed to open the store: no space");
    assert_eq!(root_cause(&error), "no space");
    assert_eq!(root_cause(&std::io::Error::other("no space")), "no space");
}

#[test]
fn what_quotes_a_stranger_stands_on_one_line_moves_no_cursor_and_has_an_end() {
    let odd = "unknown field `me\nmo\try\r\u{1b}[31m\u{7f}\u{202e}`, expected é";
    assert_eq!(on_one_line(&odd), r"unknown field `me mo ry\u{d}\u{1b}[31m\u{7f}\u{202e}`, expected é");
    assert_eq!(on_one_line(&on_one_line(&odd)), on_one_line(&odd));
    let long = on_one_line(&"é".repeat(100_000));
    assert!(long.ends_with("é…") && long.chars().count() == SAID_CHARS_MAX + 1, "{}", long.len());
}
