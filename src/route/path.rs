//! The path of a request. A path is refused unless every upstream must read it in the same way.
//!
//! OpenClaw parses paths with WHATWG `new URL`, which resolves `..`, `%2e%2e` and `\`, and percent-encodes `{`, `"`,
//! `^` and the like. Then it decodes with `decodeURIComponent`. A proxy that compared the raw text would let
//! `/hooks/..\` reach paths outside the hooks. To normalise paths, clawgate would have to guess what the upstream does.
//! So it refuses every path that servers *could* read in two ways; honest clients do not send such paths.
//!
//! Some accepted paths are equal only after decoding: `/a%3Ab` and `/a:b`, `/%7b` and `/%7B`. They are accepted because
//! some clients encode more than they must. Routes are found by [`RequestPath::usual`], the spelling in which routes
//! are written.

use std::borrow::Cow;

use thiserror::Error;

/// A path with only one meaning, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestPath<'a> {
    sent: &'a str,
    is_usual: bool,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PathError {
    /// `*`, or a target that is not a path.
    #[error("it does not begin with `/`")]
    Relative,
    /// A segment `.` or `..`, plain or percent-encoded.
    #[error("it has a dot segment (`.`, `..` or `%2e`)")]
    DotSegment,
    /// Two slashes in a row.
    #[error("it has an empty segment (`//`)")]
    EmptySegment,
    /// `\`, plain or percent-encoded: WHATWG URL parsers treat it as a separator.
    #[error("it has a backslash (`\\` or `%5c`)")]
    Backslash,
    /// `%2f`: servers that decode it treat it as a separator.
    #[error("it has an encoded slash (`%2f`)")]
    EncodedSlash,
    /// One of the visible characters that RFC 3986 section 3.3 does not allow in a path: URL parsers encode some of
    /// them and leave others unchanged.
    #[error("it has one of the characters \"<>[]^`{{|}}, which are percent-encoded in a path")]
    Unencoded,
    /// A space, a control character or a character outside ASCII; or a percent-encoded control character.
    #[error("it has a control, blank or non-ASCII character")]
    Control,
    /// `#`: a fragment, which is not sent over HTTP.
    #[error("it has a `#`")]
    Fragment,
    /// `%` without two hex digits.
    #[error("it has a `%` without two hex digits")]
    BrokenEncoding,
    /// Percent-encoded bytes that are not UTF-8 (also overlong forms and surrogates): servers decode them differently.
    #[error("it percent-encodes bytes that are not UTF-8")]
    NotUtf8,
    /// A percent-encoded letter, digit or one of `-_~`: it equals the plain character by RFC 3986 section 6.2.2.2, but
    /// not for all servers.
    #[error("it percent-encodes a character that needs none (send `a`, not `%61`)")]
    NeedlessEncoding,
}

impl<'a> RequestPath<'a> {
    /// Checks the path component of a request target (without the query).
    pub fn parse(path: &'a str) -> Result<Self, PathError> {
        if !path.starts_with('/') {
            return Err(PathError::Relative);
        }
        let is_usual = check_bytes(path.as_bytes())?;
        if path.contains("//") {
            return Err(PathError::EmptySegment);
        }
        if path.split('/').any(is_dot_segment) {
            return Err(PathError::DotSegment);
        }
        Ok(Self { sent: path, is_usual })
    }

    /// The path as it was sent.
    pub fn as_str(&self) -> &'a str {
        self.sent
    }

    /// The one spelling of all paths with the same meaning (RFC 3986 section 6.2.2): only what must be encoded is
    /// encoded, with capital hex digits.
    pub(super) fn usual(&self) -> Cow<'a, str> {
        if self.is_usual {
            return Cow::Borrowed(self.sent);
        }
        let mut usual = String::with_capacity(self.sent.len());
        let mut pieces = self.sent.split('%');
        usual.extend(pieces.next());
        for piece in pieces {
            let (digits, rest) = piece.split_at(piece.len().min(2));
            match u8::from_str_radix(digits, 16) {
                Ok(byte) if is_plain(byte) => usual.push(char::from(byte)),
                _ => {
                    usual.push('%');
                    usual.push_str(&digits.to_ascii_uppercase());
                }
            }
            usual.push_str(rest);
        }
        Cow::Owned(usual)
    }
}

/// `.` and `..`, also with parameters (`..;a=b`), which some servers remove first.
fn is_dot_segment(segment: &str) -> bool {
    segment.starts_with('.') && matches!(segment.split(';').next(), Some("." | ".."))
}

/// Whether a path may contain this character unencoded: `pchar` and `/` of RFC 3986 section 3.3.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
                | b'/'
        )
}

/// The result of [`is_plain`] for each byte.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        plain[byte] = is_plain(byte as u8);
        byte += 1;
    }
    plain
};

/// Whether all bytes are in the usual spelling.
fn check_bytes(path: &[u8]) -> Result<bool, PathError> {
    let (mut is_usual, mut is_ascii) = (true, true);
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if PLAIN[usize::from(*byte)] {
            continue;
        }
        match byte {
            b'\\' => return Err(PathError::Backslash),
            b'#' => return Err(PathError::Fragment),
            b'%' => {
                let [high, low, tail @ ..] = tail else {
                    return Err(PathError::BrokenEncoding);
                };
                let encoded = check_encoded(*high, *low)?;
                is_usual &=
                    !is_plain(encoded) && !high.is_ascii_lowercase() && !low.is_ascii_lowercase();
                is_ascii &= encoded.is_ascii();
                rest = tail;
            }
            0x21..=0x7e => return Err(PathError::Unencoded),
            _ => return Err(PathError::Control),
        }
    }
    if is_ascii || is_utf8(path) { Ok(is_usual) } else { Err(PathError::NotUtf8) }
}

/// The byte that two hex digits encode.
fn check_encoded(high: u8, low: u8) -> Result<u8, PathError> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (Some(high), Some(low)) = (digit(high), digit(low)) else {
        return Err(PathError::BrokenEncoding);
    };
    match u8::try_from(high * 16 + low).unwrap_or(0) {
        // Refused also within a longer segment, since no honest client encodes a dot.
        b'.' => Err(PathError::DotSegment),
        b'/' => Err(PathError::EncodedSlash),
        b'\\' => Err(PathError::Backslash),
        0x00..=0x1f | 0x7f => Err(PathError::Control),
        byte if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') => {
            Err(PathError::NeedlessEncoding)
        }
        byte => Ok(byte),
    }
}

/// Whether `path`, whose percent-encoding is valid, decodes to UTF-8.
fn is_utf8(path: &[u8]) -> bool {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        let (byte, tail) = match tail {
            [high, low, tail @ ..] if *byte == b'%' => (check_encoded(*high, *low).unwrap_or(0), tail),
            _ => (*byte, tail),
        };
        decoded.push(byte);
        rest = tail;
    }
    std::str::from_utf8(&decoded).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_paths_pass_as_they_are() {
        for path in [
            "/",
            "/hooks/wake",
            "/hooks/",
            "/a-b_c~d/e.f/..g",
            "/a%20b%C3%A9",
            "/a;b=c:d@e",
            "/!$&'()*+,;=",
            "/%7B%25%F0%9F%A6%80",
        ] {
            let parsed = RequestPath::parse(path).unwrap();
            assert_eq!((parsed.as_str(), parsed.usual()), (path, Cow::Borrowed(path)));
            assert!(parsed.is_usual, "{path}");
        }
    }

    #[test]
    fn what_is_encoded_without_need_or_in_small_letters_has_one_usual_spelling() {
        for (path, usual) in [
            ("/team%3Aa", "/team:a"),
            ("/team%3aa%40b", "/team:a@b"),
            ("/%21%24%26%27%28%29%2a%2B%2c%3b%3D", "/!$&'()*+,;="),
            ("/%7b%7D%c3%a9", "/%7B%7D%C3%A9"),
            ("/%25%2525", "/%25%2525"),
        ] {
            let parsed = RequestPath::parse(path).unwrap();
            assert_eq!((parsed.as_str(), &*parsed.usual()), (path, usual));
            assert_eq!(RequestPath::parse(usual).unwrap().usual(), usual);
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
            ("/hooks/..;/x", PathError::DotSegment),
            ("/hooks/.;a=b", PathError::DotSegment),
            ("/hooks/{x}", PathError::Unencoded),
            ("/hooks/a|b", PathError::Unencoded),
            ("/hooks/a^", PathError::Unencoded),
            ("/hooks/\"", PathError::Unencoded),
            ("/hooks/`", PathError::Unencoded),
            ("/hooks/<a>", PathError::Unencoded),
            ("/hooks/[a]", PathError::Unencoded),
            ("/hooks/%ff", PathError::NotUtf8),
            ("/hooks/%C0%AF", PathError::NotUtf8),
            ("/hooks/%ED%A0%80", PathError::NotUtf8),
            ("/hooks/%C3x", PathError::NotUtf8),
        ] {
            assert_eq!(RequestPath::parse(path), Err(error), "{path}");
        }
    }

    fn decoded(path: &str) -> Vec<u8> {
        let mut pieces = path.split('%');
        let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
        for piece in pieces {
            bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
            bytes.extend(&piece.as_bytes()[2..]);
        }
        bytes
    }

    proptest! {
        #[test]
        fn the_usual_spelling_means_the_same_and_is_its_own(path in "(/|[a:@+{ ]|%[0-9a-fA-F]{2}){0,8}") {
            let path = format!("/{path}");
            if let Ok(parsed) = RequestPath::parse(&path) {
                let usual = parsed.usual();
                prop_assert_eq!(decoded(&usual), decoded(&path));
                let again = RequestPath::parse(&usual).unwrap();
                prop_assert!(again.is_usual && parsed.is_usual == (usual == path));
            }
        }

        /// The purpose of this module: resolving an accepted path does not change it.
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
