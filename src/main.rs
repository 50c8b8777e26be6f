//! The `memsentry` command: parse, dispatch, exit code.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Both the webhook client and the probe client take their cryptography from here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let matches = memsentry::commands::command_line().get_matches();
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| memsentry::commands::dispatch(&matches)));
    ExitCode::from(outcome.unwrap_or(memsentry::commands::Exit::Bug).code())
}
