//! Names of files, and what may be shown of them: a secret may have been put where a name belongs.

use std::path::{Path, PathBuf};

use crate::config::value_type::{Content, Invalid, Kind, ValueType, invalid};
use crate::pki::pem::located;

/// The longest name of a file (NAME_MAX of limits.h).
const LONGEST_NAME: usize = 255;
/// So many letters of Base64, and nothing else, are no path.
const BASE64: usize = 64;
/// Letters of an extension.
const LONGEST_EXTENSION: usize = 10;
/// Longest name that is taken for words, in bytes.
const LONGEST_WORD: usize = 32;

/// A file or folder with nothing secret in it.
#[derive(Debug)]
pub(in crate::config) struct FileName;

/// A file with a token.
#[derive(Debug)]
pub(in crate::config) struct TokenFile;

/// A file with a private key.
#[derive(Debug)]
pub(in crate::config) struct KeyFile;

impl ValueType for FileName {
    type Value = PathBuf;
    const KIND: Kind = Kind::File(Content::Public);

    fn read(text: &str) -> Result<PathBuf, Invalid> {
        let path = PathBuf::from(text);
        if is_a_name(&path) || path.exists() {
            return Ok(path);
        }
        let what = format!("{} does not exist", named(&path));
        invalid(what, "write the name of a file, not its content")
    }

    fn show(path: &PathBuf) -> String {
        path.display().to_string()
    }
}

/// A file that clawgate writes. Unlike the others, it is neither read with the settings nor watched.
#[derive(Debug)]
pub(in crate::config) struct DatabaseFile;

impl ValueType for DatabaseFile {
    type Value = PathBuf;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<PathBuf, Invalid> {
        let path = FileName::read(text)?;
        if text.ends_with('/') || path.file_name().is_none() || path.is_dir() {
            let what = format!("{} is a folder", named(&path));
            return invalid(what, "name a file in it, e.g. /var/lib/clawgate/inbox.db");
        }
        Ok(path)
    }

    fn show(path: &PathBuf) -> String {
        FileName::show(path)
    }
}

impl ValueType for KeyFile {
    type Value = PathBuf;
    const KIND: Kind = Kind::File(Content::PrivateKey);

    fn read(text: &str) -> Result<PathBuf, Invalid> {
        FileName::read(text)
    }

    fn show(path: &PathBuf) -> String {
        FileName::show(path)
    }
}

impl ValueType for TokenFile {
    type Value = PathBuf;
    const KIND: Kind = Kind::File(Content::Token);

    /// Takes any text: whoever opens the file says what is wrong with it.
    fn read(text: &str) -> Result<PathBuf, Invalid> {
        Ok(PathBuf::from(text))
    }

    fn show(path: &PathBuf) -> String {
        FileName::show(path)
    }
}

/// A file that cannot be read, as far as its name may be shown; with its whole path if it is relative.
pub(in crate::config) fn named(path: &Path) -> String {
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

/// Whether it is a name that is no random secret: small letters, in words.
fn is_a_word(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.len() <= LONGEST_WORD && text.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '-' | '_'))
}

/// Whether an error may show this when there is no such file. A token or a key may have been put where a file's name
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
