//! Adds a line to the file of a denylist.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

use thiserror::Error;

use super::Denylist;
use crate::identity::Digest;
use crate::wording;

/// The longest comment, in bytes.
const MAX_COMMENT: usize = 400;

/// Why a line was not added.
#[derive(Debug, Error)]
pub enum AppendError {
    /// The certificate is on the list.
    #[error("has the certificate already")]
    Listed,
    /// A line that cannot be read: after the next reload nothing of the list would hold.
    #[error("has a line that cannot be read")]
    Unreadable,
    /// The system does not allow it. Its permissions may, but not the sandbox: that allows the file that was there at the
    /// start.
    #[error("cannot be written: {}", wording::io(.0))]
    Io(#[from] io::Error),
}

/// The line that denies the certificate with this SHA-256, with a comment; `None` if that is none.
pub fn denial_line(fingerprint: &str, comment: &str) -> Option<String> {
    let is_hex = fingerprint.len() == 64 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then_some(())?;
    let plain: String = comment.chars().filter(|character| (' '..='~').contains(character)).collect();
    let comment = &plain[..plain.len().min(MAX_COMMENT)];
    Some(format!("fingerprint={}  # {comment}", fingerprint.to_ascii_lowercase()))
}

/// Adds `line` to `file`, in one write: a reader sees the whole line or nothing of it. Returns when it is on the disk.
///
/// # Errors
/// When the list has it already, or cannot be read or written. The file is then as it was.
pub fn append_line(file: &Path, line: &str) -> Result<(), AppendError> {
    let mut open = OpenOptions::new().read(true).append(true).open(file)?;
    let mut text = String::new();
    open.read_to_string(&mut text)?;
    let list = Denylist::parse(&text, file).map_err(|_| AppendError::Unreadable)?;
    let new = Denylist::parse(line, file).map_err(|_| AppendError::Unreadable)?;
    if new.fingerprints.keys().all(|known: &Digest| list.fingerprints.contains_key(known)) {
        return Err(AppendError::Listed);
    }
    let needs_end = !text.is_empty() && !text.ends_with('\n');
    let line = format!("{}{line}\n", if needs_end { "\n" } else { "" });
    open.write_all(line.as_bytes())?;
    open.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_once_and_begins_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("denylist");
        let (one, other) = ("a".repeat(64), "B".repeat(64));
        std::fs::write(&file, format!("fingerprint={one}")).unwrap();

        let new = denial_line(&other, "CN=x\n\u{202e}# <y>").unwrap();
        append_line(&file, &new).unwrap();

        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("fingerprint={one}\nfingerprint={}  # CN=x# <y>\n", "b".repeat(64)));
        assert_eq!(Denylist::parse(&text, &file).unwrap().len(), 2);
        assert!(matches!(append_line(&file, &new), Err(AppendError::Listed)));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }

    #[test]
    fn only_a_fingerprint_makes_a_line_and_a_broken_list_is_left_alone() {
        for wrong in ["", "ab", &"g".repeat(64), &format!("{}\n", "a".repeat(63))] {
            assert_eq!(denial_line(wrong, ""), None, "{wrong}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("denylist");
        std::fs::write(&file, "what?\n").unwrap();

        let added = append_line(&file, &denial_line(&"a".repeat(64), "").unwrap());

        assert!(matches!(added, Err(AppendError::Unreadable)));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "what?\n");
        assert!(matches!(append_line(folder.path(), ""), Err(AppendError::Io(_))));
    }
}
