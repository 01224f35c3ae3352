//! Checks the bytes of an HTTP/1 connection strictly, before hyper reads them.
//!
//! hyper repairs what RFC 9112 allows a server to repair: it takes a bare LF for the end of a line, drops a Content-Length
//! beside a Transfer-Encoding, and joins equal Content-Length lines. Request smuggling uses each of these, and no honest
//! client sends them, so they are refused here, before hyper has removed them. What hyper would refuse itself is refused
//! here too, since hyper's answer gives no reason.
//!
//! Comes in: the decrypted bytes of a connection, in pieces of any size. Goes out: the first [`Violation`]. Imports nothing
//! of clawgate.

use http::Uri;
use memchr::memchr;
use thiserror::Error;

/// Longest head of a request, in bytes. OpenClaw (Node) takes 16 KiB in all; this leaves room for the header fields that
/// clawgate adds.
pub(crate) const MAX_HEAD: usize = 12 * 1024;
/// Most header fields of one request. Node takes more; an honest webhook has a few dozen.
pub(crate) const MAX_FIELDS: usize = 100;
/// Longest line of chunked framing: a size with extensions, or a trailer field.
const MAX_CHUNK_LINE: usize = 4 * 1024;

/// What is wrong with a request's bytes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    /// RFC 9112 section 2.2: a line must end in CR LF.
    #[error("a line ends in LF without CR")]
    BareLf,
    /// RFC 9112 section 2.2: a CR that does not end a line.
    #[error("a CR is not followed by LF")]
    BareCr,
    /// RFC 9110 section 5.5.
    #[error("a NUL byte is in the head")]
    Nul,
    /// RFC 9112 section 3: a method, a target and a version, with one space between them.
    #[error("the request line is not `METHOD TARGET HTTP/1.1`")]
    RequestLine,
    /// RFC 9112 section 3.2: the target is no URI.
    #[error("the request target is no URI, or has a character that no URI has")]
    Target,
    /// RFC 9112 section 5: `name: value`, the name a token, the value without control characters.
    #[error("a header field is not `name: value`, or has a character that none may have")]
    Field,
    /// RFC 9112 section 5.2: a field value continued on the next line.
    #[error("a header field is folded over two lines")]
    ObsFold,
    /// RFC 9112 section 6.3.
    #[error("Content-Length is given more than once")]
    RepeatedContentLength,
    /// RFC 9112 section 6.1: usually an attempt at request smuggling.
    #[error("both Content-Length and Transfer-Encoding are given")]
    LengthAndEncoding,
    /// RFC 9112 section 6.1: `chunked` must be named once, as the last coding; clawgate takes no other coding.
    #[error("Transfer-Encoding is not plainly `chunked`")]
    TransferEncoding,
    /// RFC 9110 section 8.6: digits only.
    #[error("Content-Length is not a number")]
    ContentLength,
    /// RFC 9112 section 3.2: the target has no fragment.
    #[error("the request target has a `#`")]
    Fragment,
    /// The chunk framing of RFC 9112 section 7.1 is broken.
    #[error("the chunked framing is broken")]
    Chunk,
    /// A limit of clawgate.
    #[error("the head of the request did not arrive in time")]
    HeadTooSlow,
    /// A limit of clawgate.
    #[error("the head is longer than 12 KiB")]
    HeadTooLong,
    /// A limit of clawgate.
    #[error("there are more than 100 header fields")]
    TooManyFields,
}

/// Follows the framing of the requests on one connection, from its start.
#[derive(Debug, Default)]
pub struct Guard {
    state: State,
    /// The beginning of a line that comes in pieces.
    line: Vec<u8>,
    head: Head,
    /// The number of complete heads.
    heads: u64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    RequestLine,
    Field,
    Body(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailer,
}

#[derive(Debug, Default)]
struct Head {
    bytes: usize,
    fields: usize,
    /// HTTP/1.0, which has no chunked framing.
    old: bool,
    length: Option<u64>,
    chunked: bool,
}

impl Guard {
    /// The number of the request that the next byte belongs to, counted from 1.
    pub fn request(&self) -> u64 {
        match self.state {
            State::RequestLine | State::Field => self.heads + 1,
            _ => self.heads,
        }
    }

    /// Whether a head is incomplete.
    pub(crate) fn is_in_head(&self) -> bool {
        match self.state {
            State::RequestLine => !self.line.is_empty(),
            State::Field => true,
            _ => false,
        }
    }

    /// Whether no byte of a next request has come.
    pub(crate) fn is_between_requests(&self) -> bool {
        matches!(self.state, State::RequestLine) && self.line.is_empty()
    }

    /// Checks `bytes`, the next ones of the connection.
    ///
    /// # Errors
    /// The first violation. The bytes after it cannot be interpreted.
    pub fn follow(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Body(left) | State::ChunkData(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= taken as u64;
                    bytes = &bytes[taken..];
                    if *left == 0 {
                        self.state = match self.state {
                            State::ChunkData(_) => State::ChunkEnd,
                            _ => State::RequestLine,
                        };
                    }
                }
                _ => bytes = self.line(bytes)?,
            }
        }
        Ok(())
    }

    /// Takes one line, or the beginning of one; returns the bytes after it.
    fn line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Violation> {
        let Some(end) = memchr(b'\n', bytes) else {
            self.line.extend_from_slice(bytes);
            self.limit(self.line.len())?;
            return Ok(&[]);
        };
        let (piece, rest) = bytes.split_at(end + 1);
        if self.line.is_empty() {
            self.whole_line(piece)?;
        } else {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(piece);
            self.whole_line(&line)?;
            // Keeps the buffer.
            line.clear();
            self.line = line;
        }
        Ok(rest)
    }

    fn limit(&self, line: usize) -> Result<(), Violation> {
        match self.state {
            State::RequestLine | State::Field if self.head.bytes + line > MAX_HEAD => {
                Err(Violation::HeadTooLong)
            }
            State::ChunkSize | State::ChunkEnd | State::Trailer if line > MAX_CHUNK_LINE => {
                Err(Violation::Chunk)
            }
            _ => Ok(()),
        }
    }

    fn whole_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        self.limit(line.len())?;
        let Some(text) = line.strip_suffix(b"\r\n") else {
            return Err(Violation::BareLf);
        };
        let has_controls = has_controls(text);
        if has_controls && text.contains(&b'\r') {
            return Err(Violation::BareCr);
        }
        if has_controls && text.contains(&0) {
            return Err(Violation::Nul);
        }
        match self.state {
            State::RequestLine => self.request_line(text, line.len()),
            State::Field => {
                self.head.bytes += line.len();
                if text.is_empty() { self.end_of_head() } else { self.field(text, has_controls) }
            }
            State::ChunkSize => self.chunk_size(text),
            State::ChunkEnd if text.is_empty() => {
                self.state = State::ChunkSize;
                Ok(())
            }
            State::Trailer => {
                if text.is_empty() {
                    self.state = State::RequestLine;
                }
                Ok(())
            }
            _ => Err(Violation::Chunk),
        }
    }

    fn request_line(&mut self, text: &[u8], bytes: usize) -> Result<(), Violation> {
        if text.is_empty() {
            // RFC 9112 section 2.2: an empty line before a request is ignored.
            return Ok(());
        }
        if text.contains(&b'#') {
            return Err(Violation::Fragment);
        }
        let mut parts = text.split(|&byte| byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Violation::RequestLine);
        };
        if !is_token(method) || target.is_empty() || !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
            return Err(Violation::RequestLine);
        }
        if !is_plain(target) {
            Uri::try_from(target).map_err(|_| Violation::Target)?;
        }
        self.head = Head { bytes, old: version == b"HTTP/1.0", ..Head::default() };
        self.state = State::Field;
        Ok(())
    }

    fn field(&mut self, text: &[u8], has_controls: bool) -> Result<(), Violation> {
        if matches!(text.first(), Some(b' ' | b'\t')) {
            return Err(Violation::ObsFold);
        }
        self.head.fields += 1;
        if self.head.fields > MAX_FIELDS {
            return Err(Violation::TooManyFields);
        }
        let colon = memchr(b':', text).ok_or(Violation::Field)?;
        let (name, value) = (&text[..colon], text[colon + 1..].trim_ascii());
        if !is_token(name) || has_controls {
            return Err(Violation::Field);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            if self.head.chunked {
                return Err(Violation::LengthAndEncoding);
            }
            let digits =
                std::str::from_utf8(value).ok().filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
            let length = digits.and_then(|v| v.parse().ok()).ok_or(Violation::ContentLength)?;
            if self.head.length.replace(length).is_some() {
                return Err(Violation::RepeatedContentLength);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.head.length.is_some() {
                return Err(Violation::LengthAndEncoding);
            }
            if self.head.old || self.head.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Violation::TransferEncoding);
            }
            self.head.chunked = true;
        }
        Ok(())
    }

    fn end_of_head(&mut self) -> Result<(), Violation> {
        self.heads += 1;
        self.state = match self.head {
            Head { chunked: true, .. } => State::ChunkSize,
            Head { length: Some(length @ 1..), .. } => State::Body(length),
            _ => State::RequestLine,
        };
        Ok(())
    }

    fn chunk_size(&mut self, text: &[u8]) -> Result<(), Violation> {
        let size = text.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii_end();
        let hex = std::str::from_utf8(size).ok().filter(|s| s.bytes().all(|b| b.is_ascii_hexdigit()));
        let size = hex.and_then(|s| u64::from_str_radix(s, 16).ok()).ok_or(Violation::Chunk)?;
        self.state = if size == 0 { State::Trailer } else { State::ChunkData(size) };
        Ok(())
    }
}

/// Whether it is a token (RFC 9110 section 5.6.2).
fn is_token(text: &[u8]) -> bool {
    const TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~");
    !text.is_empty() && text.iter().all(|&byte| TOKEN[usize::from(byte)])
}

/// Whether a target needs no parser to be a URI, as most: a path, perhaps a query, and only characters that may be anywhere
/// in them.
fn is_plain(target: &[u8]) -> bool {
    const PLAIN: [bool; 256] = table(b"/-._~%?=&:@!$'()*+,;");
    target.first() == Some(&b'/') && target.iter().all(|&byte| PLAIN[usize::from(byte)])
}

/// ASCII letters and digits, and `marks`.
const fn table(marks: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut mark = 0;
    while mark < marks.len() {
        table[marks[mark] as usize] = true;
        mark += 1;
    }
    table
}

/// Whether there is a control character other than tab. Reads all bytes, so that the compiler can use SIMD.
fn has_controls(text: &[u8]) -> bool {
    text.iter().fold(false, |any, &byte| any | (byte < b' ') & (byte != b'\t') | (byte == 0x7f))
}

#[cfg(test)]
mod tests;
