//! Secrets, each of which is given as it is or as a file's path.

use std::fmt;
use std::fs;
use std::io::Read;

use crate::failure::Failure;

/// A secret as it was given. Never shown, so that it reaches no log.
#[derive(Clone)]
pub(super) struct SecretText(pub(super) String);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        SecretText(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// The secret of two settings, of which one has it and the other the path of a file with it; each with its name.
pub(super) fn secret(
    (name, text): (&str, &SecretText),
    (file_name, path): (&str, &str),
) -> Result<Option<SecretText>, Failure> {
    if path.is_empty() {
        // A variable that is set to nothing is not set.
        return Ok(Some(text.clone()).filter(|SecretText(text)| !text.is_empty()));
    }
    if !text.0.is_empty() {
        return Err(Failure::Setting(format!("{name} and {file_name} are both given: one of them is enough")));
    }
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
    read.map_err(|error| Failure::Setting(format!("{file_name} '{path}' can't be read: {error}")))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(Failure::Setting(format!("{file_name} '{path}' is empty"))),
        text => Ok(Some(SecretText(text.to_owned()))),
    }
}

/// Of a file. More is no secret.
const MAX_BYTES: u64 = 4096;
