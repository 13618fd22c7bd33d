//! The native program, which waits and supervises without Node.

use std::process::ExitCode;

fn main() -> ExitCode {
    cc_session_recover::entry::program::run(&std::env::args_os().skip(1).collect::<Vec<_>>())
}
