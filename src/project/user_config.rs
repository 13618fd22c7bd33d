//! Creates the user's configuration file, so that an editor has something to open.

use crate::env::Environment;
use crate::error::{Error, Result};
use crate::fs::{private_directory, private_file};
use std::io::{ErrorKind, Write as _};

/// Initial contents of a new file.
const BEGINNING: &str = "// Options and their defaults: cc-session-recover config\n{\n}\n";

/// Creates the file if it does not exist, and returns whether it did. Never changes an existing file.
///
/// # Errors
///
/// Returns [`crate::error::Code::Io`] if the file cannot be written.
pub fn create(env: &Environment) -> Result<bool> {
    let Some(path) = env.config_file() else { return Ok(false) };
    let failed = |error| Error::io("write", &path, &error);
    if let Some(dir) = path.parent() {
        private_directory().recursive(true).create(dir).map_err(failed)?;
    }
    match private_file().write(true).create_new(true).open(&path) {
        Ok(mut file) => file.write_all(BEGINNING.as_bytes()).map_err(failed).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error)),
    }
}
