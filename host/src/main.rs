//! The `trimtab` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        // Hidden commands, by which the host starts itself again.
        Some("launch-instance") => ExitCode::from(trimtab::drivers::process::launch(arguments.next().as_deref())),
        Some(trimtab::sandbox::WORKER_COMMAND) => trimtab::sandbox::compile_worker(),
        _ => trimtab::cli::main(),
    }
}
