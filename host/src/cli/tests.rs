use serde_json::json;

use super::terminal::{self, Columns, clean};

#[test]
fn a_guests_words_cannot_play_on_the_terminal() {
    assert_eq!(clean("a\u{1b}[2Jb\r\u{202e}c\nü"), "a\\u{1b}[2Jb\\u{d}\\u{202e}c\nü");
}

#[test]
fn columns_are_aligned_and_end_where_their_text_ends() {
    let mut columns = Columns::new(&["target", "replicas"]);
    columns.row(["local/web", "3"]);
    columns.row(["local/a\nb", "12"]);
    assert_eq!(columns.text(2), "  target     replicas\n  local/web  3\n  local/a b  12\n");
}

#[test]
fn json_is_escaped_and_reads_back_the_same() {
    let hostile = json!({ "reason": "a\u{1b}[2J\u{9b}2J\u{202e}b\n" });
    let text = terminal::json(&hostile);
    assert!(text.contains("\\u009b2J\\u202eb") && !text.contains('\u{9b}'), "{text}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), hostile);
}
