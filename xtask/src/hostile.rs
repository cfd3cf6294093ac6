//! The table of the hostile suite, which its stories write row by row into a file: printed where CI shows it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What stories look for: the file that they append their rows to.
pub(crate) const VARIABLE: &str = "TRIMTAB_HOSTILE_TABLE";
const HEAD: [&str; 6] = ["part", "behaviour", "must be", "came to", "contained in", "memory after"];
/// Columns from this one on are figures, and stand to the right.
const FIGURES_FROM: usize = 4;

/// Prints what the stories have written; nothing where none ran.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn print(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    if !text.is_empty() {
        println!("\nhostile guests and callers, each contained:\n\n{}", aligned(&text));
    }
    Ok(())
}

/// Rows by part and behaviour, in columns.
fn aligned(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let head = HEAD.join("\t");
    let rows: Vec<Vec<&str>> =
        std::iter::once(head.as_str()).chain(lines).map(|line| line.split('\t').collect()).collect();
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<&str>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column >= FIGURES_FROM { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_columns_by_part() {
        let text = "upload\ta bomb\ttoo-complex\tthe same\t12.5 ms\t+0 KiB\n\
                    guest\tendless-in-evaluate\tout-of-fuel\tthe same\t40.0 ms\t+128 KiB\n";
        let table = aligned(text);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "part    behaviour            must be      came to   contained in  memory after");
        assert_eq!(lines[1], "guest   endless-in-evaluate  out-of-fuel  the same       40.0 ms      +128 KiB");
        assert_eq!(lines[2], "upload  a bomb               too-complex  the same       12.5 ms        +0 KiB");
    }
}
