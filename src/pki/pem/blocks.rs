//! The blocks of a PEM file (RFC 7468). Every line is part of a block, or explanatory text between blocks. Anything
//! else is an error.
//!
//! PEM libraries skip everything that they do not recognise. They also skip a block whose boundary is indented, follows
//! a byte order mark or shares its line with another boundary. If that block is a CRL, revoked clients would be
//! admitted.

use std::iter::Peekable;

use thiserror::Error;

/// Dashes on either side of a boundary.
const DASHES: &str = "-----";
/// The maximum length of a label.
const LONGEST_LABEL: usize = 64;
/// A line between blocks with this many characters of Base64 is not explanatory text.
const BASE64_LINE: usize = 32;
/// The words in labels of blocks.
const LABEL_WORDS: [&str; 10] =
    ["CERTIFICATE", "CRL", "KEY", "PKCS7", "CMS", "X509", "PARAMETERS", "REQUEST", "PUBLIC", "PRIVATE"];
/// The header fields of an encrypted key in its old form (RFC 1421 section 4.6.1.1 and 4.6.1.3).
const FIELDS: [&str; 2] = ["Proc-Type", "DEK-Info"];

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// The number of its first line, from 1.
    pub(super) line: usize,
    /// The label in its boundaries.
    pub(super) label: &'a str,
    /// Whether it is an encrypted key in its old form, with header fields.
    pub(super) has_fields: bool,
    /// The text between the boundaries, after the header fields: only Base64 and white space.
    pub(super) body: &'a [u8],
    /// The whole block, if every PEM library reads it in the same way: it has no header fields, and no blanks after its
    /// BEGIN line.
    pub(super) plain: Option<&'a [u8]>,
}

/// Why a file is not reliable PEM.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {what}")]
pub(crate) struct BlockError {
    line: usize,
    what: String,
    /// What to do about it.
    pub(crate) hint: &'static str,
}

const AGAIN: &str = "write the file again; it may be half-written or not PEM";
const OWN_LINE: &str = "put each boundary (-----BEGIN …-----, -----END …-----) on a line of its own, with nothing before or after it";
const BASE64: &str = "write the file again: only Base64 may be between the boundaries";
const NO_MARK: &str = "save the file without a byte order mark: sed -i 's/\\xEF\\xBB\\xBF//g' FILE";
const REMARK: &str = "remove the line, or correct the block that it belongs to";

impl BlockError {
    fn new(line: usize, what: impl Into<String>, hint: &'static str) -> Self {
        Self { line, what: what.into(), hint }
    }
}

/// All blocks of a text.
///
/// # Errors
/// The first line that is neither part of a block nor explanatory text.
pub(crate) fn blocks(text: &[u8]) -> Result<Vec<Block<'_>>, BlockError> {
    let mut lines = Lines { text, at: 0, number: 0 }.peekable();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        match Boundary::of(line.text) {
            Some(Boundary::Begin(label)) => blocks.push(block(text, label, &line, &mut lines)?),
            Some(Boundary::End(label)) => {
                let what = format!("ends a block ({label}) that has no BEGIN line");
                return Err(BlockError::new(line.number, what, AGAIN));
            }
            None => check_remark(&line, lines.peek().is_none())?,
        }
    }
    Ok(blocks)
}

/// The rest of the block whose first line is `begin`.
fn block<'a>(
    text: &'a [u8],
    label: &'a str,
    begin: &Line<'a>,
    lines: &mut Peekable<Lines<'a>>,
) -> Result<Block<'a>, BlockError> {
    let is_key = label.ends_with("PRIVATE KEY");
    let has_fields = is_key && lines.peek().is_some_and(|line| line.text.contains(&b':'));
    if has_fields {
        fields(lines)?;
    }
    let start = lines.peek().map_or(text.len(), |line| line.start);
    let (mut has_content, mut is_padded) = (false, false);
    for line in lines {
        match Boundary::of(line.text) {
            Some(Boundary::End(end)) if end == label => {
                if !has_content {
                    return Err(BlockError::new(line.number, "ends a block that is empty", AGAIN));
                }
                let body = &text[start..line.start];
                let is_plain = !has_fields && begin.text.ends_with(b"-");
                let plain = is_plain.then(|| &text[begin.start..line.start + line.text.len()]);
                return Ok(Block { line: begin.number, label, has_fields, body, plain });
            }
            Some(Boundary::End(end)) => {
                let what =
                    format!("has the label {end}, but the BEGIN line {} has {label}", begin.number);
                return Err(BlockError::new(line.number, what, AGAIN));
            }
            Some(Boundary::Begin(_)) => break,
            None => {}
        }
        for byte in line.text {
            match byte {
                b' ' | b'\t' => {}
                b'=' => (has_content, is_padded) = (true, true),
                byte if is_base64(*byte) && !is_padded => has_content = true,
                _ => return Err(not_base64(&line)),
            }
        }
    }
    let what = format!("begins a block ({label}) that has no END line");
    Err(BlockError::new(begin.number, what, AGAIN))
}

/// Skips the header fields of an encrypted key and the empty line after them.
fn fields<'a>(lines: &mut impl Iterator<Item = Line<'a>>) -> Result<(), BlockError> {
    for line in lines {
        if line.text.trim_ascii().is_empty() {
            return Ok(());
        }
        let name = line.text.split(|byte| *byte == b':').next().unwrap_or_default();
        if name.len() == line.text.len() || !FIELDS.iter().any(|known| known.as_bytes() == name) {
            return Err(BlockError::new(
                line.number,
                "is not a header field of an encrypted key",
                AGAIN,
            ));
        }
    }
    // The caller reports that the END line is missing.
    Ok(())
}

fn not_base64(line: &Line<'_>) -> BlockError {
    if resembles_boundary(&line.shown()) {
        return bad_boundary(line);
    }
    BlockError::new(line.number, "is in a block, but has a character that is not Base64", BASE64)
}

fn bad_boundary(line: &Line<'_>) -> BlockError {
    let text = line.shown();
    let count = text.matches("-----BEGIN ").count() + text.matches("-----END ").count();
    let what = if text.contains('\u{feff}') {
        return BlockError::new(line.number, "has a byte order mark before a block's boundary", NO_MARK);
    } else if count > 1 {
        "has two boundaries of blocks"
    } else {
        "looks like the boundary of a block, but is not valid"
    };
    BlockError::new(line.number, what, OWN_LINE)
}

/// Whether text between blocks is allowed as explanatory text (RFC 7468 section 5.2).
fn check_remark(line: &Line<'_>, is_last: bool) -> Result<(), BlockError> {
    let error = |what, hint| Err(BlockError::new(line.number, what, hint));
    if line.text.is_ascii() && line.text.trim_ascii().is_empty() {
        return Ok(());
    }
    let text = line.shown();
    if resembles_boundary(&text) {
        return Err(bad_boundary(line));
    }
    if text.contains('\u{feff}') {
        return error("has a byte order mark", NO_MARK);
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return error("has a control character outside of a block", REMARK);
    }
    // The file may not be completely written yet.
    if is_last && !line.ends && text.starts_with('-') {
        return error("ends in the middle of a boundary", AGAIN);
    }
    let bare = text.trim();
    if bare.starts_with("LS0tLS1CRUdJTi") {
        let hint = "decode it (base64 -d): it is encoded twice, like the data of a Kubernetes Secret";
        return error("is a PEM block in Base64", hint);
    }
    let has_other_than_letters = bare.bytes().any(|byte| !byte.is_ascii_alphabetic() && byte != b'=');
    let is_base64 = bare.bytes().all(|byte| is_base64(byte) || byte == b'=');
    if bare.len() >= BASE64_LINE && has_other_than_letters && is_base64 && !bare.starts_with('=') {
        return error("is Base64 outside of a block", REMARK);
    }
    Ok(())
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Whether a line looks like a damaged boundary: other letters, other dashes or another number of them, other text
/// before it.
fn resembles_boundary(text: &str) -> bool {
    let text: String = text.chars().map(|c| if is_dash(c) { '-' } else { c }).collect();
    let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let is_label = |word: &&str| LABEL_WORDS.contains(word);
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    // `----BEGIX CERTIFICATE----`; `---- our CRL ----` is a heading.
    let touches_word = |(at, _): (usize, &str)| {
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        is_word(text[..at].chars().next_back())
            || is_word(text[at..].trim_start_matches('-').chars().next())
    };
    if words.iter().any(is_label) && text.match_indices("----").any(touches_word) {
        return true;
    }
    let begins_label = |(place, word): (usize, &&str)| {
        matches!(*word, "BEGIN" | "END") && words.iter().skip(place + 1).take(3).any(is_label)
    };
    if words.iter().enumerate().any(begins_label) {
        return true;
    }
    // `-- BEGIN` and `--begin`.
    text.match_indices("--").any(|(at, _)| {
        let after = text[at..].trim_start_matches(['-', ' ', '\t']).to_ascii_uppercase();
        let rest = after.strip_prefix("BEGIN").or_else(|| after.strip_prefix("END"));
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    })
}

/// Dashes of all kinds, including those that word processors write instead of `-`.
fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{ad}' | '\u{2010}'
            ..='\u{2015}' | '\u{2212}' | '\u{2500}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// A boundary of a block. It must be exact; only blanks at the end of the line are allowed.
enum Boundary<'a> {
    Begin(&'a str),
    End(&'a str),
}

impl<'a> Boundary<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.trim_end_matches([' ', '\t']);
        let inner = line.strip_prefix(DASHES)?.strip_suffix(DASHES)?;
        let begin = inner.strip_prefix("BEGIN ").map(Self::Begin);
        let boundary = begin.or_else(|| inner.strip_prefix("END ").map(Self::End))?;
        let (Self::Begin(label) | Self::End(label)) = boundary;
        // RFC 7468 section 3: printable, no blank or dash at either end, no two of them in a row.
        let is_separator = |c: char| c == ' ' || c == '-';
        let is_printable = label.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let in_order = !label.starts_with(is_separator)
            && !label.ends_with(is_separator)
            && !["  ", "--", " -", "- "].iter().any(|pair| label.contains(pair));
        let is_label = !label.is_empty() && label.len() <= LONGEST_LABEL && is_printable && in_order;
        is_label.then_some(boundary)
    }
}

/// The lines of a text, which may end in LF, CR LF or CR.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    number: usize,
}

struct Line<'a> {
    number: usize,
    /// Where it starts in the whole text.
    start: usize,
    text: &'a [u8],
    /// Whether there is a line end after it.
    ends: bool,
}

impl Line<'_> {
    fn shown(&self) -> String {
        String::from_utf8_lossy(self.text).into_owned()
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let (start, rest) = (self.at, &self.text[self.at..]);
        if rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = memchr::memchr2(b'\n', b'\r', rest);
        let length = end.unwrap_or(rest.len());
        let pair = usize::from(rest[length..].starts_with(b"\r\n"));
        self.at += length + usize::from(end.is_some()) + pair;
        Some(Line { number: self.number, start, text: &rest[..length], ends: end.is_some() })
    }
}
