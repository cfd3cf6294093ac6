//! The `trimtab` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        // Hidden commands, by which the host starts itself again.
        Some("launch-instance") => {
            ExitCode::from(trimtab::drivers::process::launch(arguments.get(1).map(String::as_str)))
        }
        _ => ExitCode::SUCCESS,
    }
}
