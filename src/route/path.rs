//! A request's path, refused unless every upstream must read it the same way.
//!
//! OpenClaw parses paths with WHATWG `new URL`, which resolves `..`, `%2e%2e` and `\`; a gate that
//! compared the raw text would open `/hooks/..\` to whatever lies beside the hooks. Instead of
//! normalising (and so guessing what the upstream does) anything that *could* be read in two ways
//! is refused; an honest sender never sends it.

use thiserror::Error;

/// A path that means one thing only, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestPath<'a>(&'a str);

/// Why a path is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PathError {
    /// `*`, or a target that is no path at all.
    #[error("it does not begin with `/`")]
    Relative,
    /// A segment `.` or `..`, plain or percent-encoded.
    #[error("it has a dot segment (`.`, `..` or `%2e`)")]
    DotSegment,
    /// Two slashes in a row.
    #[error("it has an empty segment (`//`)")]
    EmptySegment,
    /// `\`, plain or percent-encoded: a separator for WHATWG URL parsers.
    #[error("it has a backslash (`\\` or `%5c`)")]
    Backslash,
    /// `%2f`: a separator for whoever decodes it.
    #[error("it has an encoded slash (`%2f`)")]
    EncodedSlash,
    /// A control character, a space, or one outside ASCII; plain, or a percent-encoded control.
    #[error("it has a control, blank or non-ASCII character")]
    Control,
    /// `#`: a fragment, which is not sent over HTTP.
    #[error("it has a `#`")]
    Fragment,
    /// `%` without two hex digits.
    #[error("it has a `%` without two hex digits")]
    BrokenEncoding,
    /// A letter, digit or one of `-_~` in percent-encoding: equal to the plain character by RFC 3986
    /// section 6.2.2.2, but not to everybody.
    #[error("it percent-encodes a character that needs none (send `a`, not `%61`)")]
    NeedlessEncoding,
}

impl<'a> RequestPath<'a> {
    /// Checks the path component of a request target (without the query).
    pub fn parse(path: &'a str) -> Result<Self, PathError> {
        if !path.starts_with('/') {
            return Err(PathError::Relative);
        }
        check_bytes(path.as_bytes())?;
        if path.contains("//") {
            return Err(PathError::EmptySegment);
        }
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(PathError::DotSegment);
        }
        Ok(Self(path))
    }

    /// The path as it was sent.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

fn check_bytes(path: &[u8]) -> Result<(), PathError> {
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'\\' => return Err(PathError::Backslash),
            b'#' => return Err(PathError::Fragment),
            b'%' => {
                let [high, low, tail @ ..] = tail else {
                    return Err(PathError::BrokenEncoding);
                };
                check_encoded(*high, *low)?;
                rest = tail;
            }
            0x21..=0x7e => {}
            _ => return Err(PathError::Control),
        }
    }
    Ok(())
}

fn check_encoded(high: u8, low: u8) -> Result<(), PathError> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (Some(high), Some(low)) = (digit(high), digit(low)) else {
        return Err(PathError::BrokenEncoding);
    };
    match u8::try_from(high * 16 + low).unwrap_or(0) {
        // Also where it is not alone in its segment: decoded twice, `%2e%2e` and `x%2e` differ only
        // in what stands beside them.
        b'.' => Err(PathError::DotSegment),
        b'/' => Err(PathError::EncodedSlash),
        b'\\' => Err(PathError::Backslash),
        0x00..=0x1f | 0x7f => Err(PathError::Control),
        byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') => {
            Err(PathError::NeedlessEncoding)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_paths_pass_as_they_are() {
        for path in ["/", "/hooks/wake", "/hooks/", "/a-b_c~d/e.f/..g", "/a%20b%C3%A9", "/a;b=c:d@e"] {
            assert_eq!(RequestPath::parse(path).map(|path| path.as_str()), Ok(path));
        }
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_refused() {
        for (path, error) in [
            ("*", PathError::Relative),
            ("", PathError::Relative),
            ("/hooks/../x", PathError::DotSegment),
            ("/hooks/.", PathError::DotSegment),
            ("/hooks/%2e%2E/x", PathError::DotSegment),
            ("/hooks/.%2e", PathError::DotSegment),
            ("//hooks", PathError::EmptySegment),
            ("/hooks//wake", PathError::EmptySegment),
            ("/hooks//", PathError::EmptySegment),
            ("/hooks/..\\", PathError::Backslash),
            ("/hooks%5cwake", PathError::Backslash),
            ("/hooks%2Fwake", PathError::EncodedSlash),
            ("/hooks/%00", PathError::Control),
            ("/hooks/%0d%0a", PathError::Control),
            ("/hooks/\u{7f}", PathError::Control),
            ("/hooks/é", PathError::Control),
            ("/hooks/#x", PathError::Fragment),
            ("/hooks/%", PathError::BrokenEncoding),
            ("/hooks/%zz", PathError::BrokenEncoding),
            ("/hooks/%61gent", PathError::NeedlessEncoding),
        ] {
            assert_eq!(RequestPath::parse(path), Err(error), "{path}");
        }
    }

    proptest! {
        /// The point of the whole module: resolving what was let through changes nothing.
        #[test]
        fn an_accepted_path_is_its_own_normal_form(path in "/([a-c./\\\\%0-9A-F]{0,12})") {
            if let Ok(accepted) = RequestPath::parse(&path) {
                let segments: Vec<_> = accepted.as_str()[1..].split('/').collect();
                let (last, inner) = segments.split_last().unwrap();
                prop_assert!(inner.iter().all(|s| !s.is_empty() && *s != "." && *s != ".."));
                prop_assert!(*last != "." && *last != "..");
                prop_assert!(!path.contains('\\'));
            }
        }
    }
}
