//! Bearer tokens, in the settings or in a file of their own, and other files with secrets.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::key::Key;
use crate::config::layers::{Layer, Text};
use crate::config::problem::{Found, Origin, Report};
use crate::config::secret::BearerToken;
use crate::config::values::named;
use crate::wording;

/// A token file larger than this is some other file.
const LONGEST_TOKEN: usize = 4096;

/// What belongs into the file of a hook token.
const HOOK_TOKEN: &str = "put OpenClaw's `hooks.token` into it, on one line, as it is there";

/// A token, and where it was set.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) token: BearerToken,
    pub(super) origin: Origin,
    /// The origin, for hints; with the file.
    pub(super) shown_origin: String,
}

/// The token from the strongest layer that has one, inline or in a file.
pub(super) fn strongest<'a>(
    layers: impl IntoIterator<Item = &'a Layer>,
    inline: &Key,
    file: &Key,
    report: &mut Report,
) -> Found<Option<Token>> {
    let set = layers.into_iter().map(|layer| (layer.get(inline), layer.get(file)));
    let Some(set) = set.into_iter().find(|(inline, file)| inline.is_some() || file.is_some()) else {
        return Ok(None);
    };
    let inline = set.0.map_or(Ok(None), |texts| texts.first())?;
    let file = set.1.map_or(Ok(None), |texts| texts.first())?;
    match (inline, file) {
        (Some(text), None) => in_line(text, report).map(Some),
        (None, Some(named)) => in_file(named, HOOK_TOKEN, report).map(Some),
        (Some(text), Some(file)) => {
            let what = format!("is set beside {}", file.origin);
            Err(report.problem(&text.origin, what, "keep one of them, better the file"))
        }
        (None, None) => Ok(None),
    }
}

fn in_line(text: &Text, report: &mut Report) -> Found<Token> {
    let origin = text.origin.clone();
    let token = BearerToken::new(text.value.as_bytes()).map_err(|error| {
        let hint = "set it to OpenClaw's `hooks.token`, as it is there";
        report.problem(&origin, error.to_string(), hint)
    });
    if let Origin::File { path, .. } = &origin {
        warn_if_all_read(path, "a token", &origin, report);
    }
    Ok(Token { token: token?, shown_origin: origin.to_string(), origin })
}

/// The token in a file; `hint` says what to put into it.
pub(super) fn in_file(file: &Text, hint: &str, report: &mut Report) -> Found<Token> {
    let origin = file.origin.clone();
    let path = Path::new(file.value.trim());
    let shown = path.display();
    let content = content(file, LONGEST_TOKEN, hint, report)?;
    let token = BearerToken::new(without_newline(&content))
        .map_err(|error| report.problem(&origin, format!("{shown} {error}"), hint));
    warn_if_all_read(path, "a token", &origin, report);
    Ok(Token { token: token?, shown_origin: format!("{origin} {shown}"), origin })
}

/// The content of a file with a secret of at most `longest` bytes; `hint` says what to put into it.
pub(super) fn content(
    file: &Text,
    longest: usize,
    hint: &str,
    report: &mut Report,
) -> Found<Zeroizing<Vec<u8>>> {
    content_of(Path::new(file.value.trim()), &file.origin, longest, hint, report)
}

/// The same for a file whose name was read already, at `origin`.
pub(super) fn content_of(
    path: &Path,
    origin: &Origin,
    longest: usize,
    hint: &str,
    report: &mut Report,
) -> Found<Zeroizing<Vec<u8>>> {
    let content = read(path, longest).map_err(|error| {
        // A bare word may be the secret itself, put where its file's name belongs.
        let what = format!("cannot read {}: {}", named(path), wording::io(&error));
        let hint = format!("name a file that clawgate's user may read, and {hint}");
        report.problem(origin, what, hint)
    })?;
    if content.len() > longest {
        let what = format!("{} has more than {longest} bytes", path.display());
        return Err(report.problem(origin, what, hint));
    }
    Ok(content)
}

fn read(path: &Path, longest: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    // Large enough from the start: growing would leave copies behind that nobody wipes.
    let mut content = Zeroizing::new(Vec::with_capacity(2 * longest));
    File::open(path)?.take(longest as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Editors and `echo` end a file with a newline, which is not part of the token.
pub(super) fn without_newline(content: &[u8]) -> &[u8] {
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.strip_suffix(b"\r").unwrap_or(content)
}

/// Warns of a file with `secret` that every user may read. A group may: `deploy/` gives clawgate's user a file of root's
/// that way.
#[cfg(unix)]
pub(super) fn warn_if_all_read(path: &Path, secret: &str, origin: &Origin, report: &mut Report) {
    use std::os::unix::fs::PermissionsExt;

    let Ok(metadata) = path.metadata() else { return };
    let mode = metadata.permissions().mode();
    if metadata.is_file() && mode & 0o004 != 0 {
        let shown = path.display();
        let what =
            format!("{shown} holds {secret} and can be read by every user (mode {:03o})", mode & 0o777);
        report.warning(origin, what, format!("chmod o-r {shown} (in Kubernetes: defaultMode 0440)"));
    }
}

#[cfg(not(unix))]
pub(super) fn warn_if_all_read(_: &Path, _: &str, _: &Origin, _: &mut Report) {}
