//! Names of files, and how they may be shown: a secret may stand where a name belongs.

use std::path::{Path, PathBuf};

use super::values::Wrong;
use crate::tls::pem::located;

/// What a file system takes for the name of a file (NAME_MAX of limits.h).
const LONGEST_NAME: usize = 255;
/// So many letters of Base64, and nothing else, are no path.
const BASE64: usize = 64;
/// Letters of an extension.
const LONGEST_EXTENSION: usize = 10;
/// Longest name that is taken for words, in bytes.
const LONGEST_WORD: usize = 32;

/// The name of a file or folder.
pub(super) fn file(text: &str) -> Result<PathBuf, Wrong> {
    let path = PathBuf::from(text);
    if is_a_name(&path) || path.exists() {
        return Ok(path);
    }
    let what = format!("{} is not there", named(&path));
    Err(Wrong { what, hint: "name a file; its content does not belong here".to_owned() })
}

/// A file that cannot be read, as far as its name may be said: with where it leads if it is relative.
pub(super) fn named(path: &Path) -> String {
    if is_a_name(path) || is_a_word(path) {
        return format!("{}{}", path.display(), located(path));
    }
    let hidden = "the file that this names (its name is not shown, since it may be a secret";
    match std::env::current_dir() {
        Ok(folder) if path.is_relative() => {
            format!("{hidden}; the working folder is {})", folder.display())
        }
        _ => format!("{hidden})"),
    }
}

/// A bare name that is no random secret: small letters, in words.
fn is_a_word(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.len() <= LONGEST_WORD && text.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '-' | '_'))
}

/// Whether this may be said in an error when there is no such file: a token or a key may stand where a file's name
/// belongs, and neither has an extension or a folder before it.
fn is_a_name(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let is_text = !["-----BEGIN", "://", "?"].iter().any(|part| text.contains(part))
        && !text.contains(char::is_control);
    let is_short = path.iter().all(|part| part.len() <= LONGEST_NAME);
    let is_base64 = text.len() >= BASE64
        && !text.starts_with('/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c));
    let has_extension = path.extension().is_some_and(|extension| extension.len() <= LONGEST_EXTENSION);
    is_text && is_short && !is_base64 && (has_extension || path.iter().nth(1).is_some())
}
