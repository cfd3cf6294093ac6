//! The `trimtab` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|word| word == trimtab::sandbox::WORKER_COMMAND) {
        return trimtab::sandbox::compile_worker();
    }
    ExitCode::SUCCESS
}
