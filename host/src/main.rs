//! The `trimtab` binary.

use std::process::ExitCode;

/// The binary's, not the library's: who embeds the library chooses for themselves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        // Hidden commands, by which the host starts itself again.
        Some("launch-instance") => ExitCode::from(trimtab::drivers::process::launch(arguments.next().as_deref())),
        Some(trimtab::sandbox::WORKER_COMMAND) => trimtab::sandbox::compile_worker(),
        _ => trimtab::cli::main(),
    }
}
