//! A strict eye on the bytes of an HTTP/1 connection, before hyper reads them.
//!
//! hyper mends what RFC 9112 lets a server mend: it takes a bare LF for a line end, drops a
//! Content-Length beside a Transfer-Encoding, and folds equal Content-Length lines into one. Each of
//! these is how requests are smuggled past somebody, and none is sent by an honest client, so here
//! they are refused, while the bytes still show them. What hyper refuses itself is left to it.

use thiserror::Error;

/// Longest head of a request, in bytes. OpenClaw (Node) takes 16 KiB in all; this leaves room for what
/// the gate adds.
pub(crate) const MAX_HEAD: usize = 12 * 1024;
/// Longest line of chunked framing: a size with extensions, or a trailer field.
const MAX_CHUNK_LINE: usize = 4 * 1024;

/// What is wrong with a request's bytes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Violation {
    /// RFC 9112 section 2.2: a line must end in CR LF.
    #[error("a line ends in LF without CR")]
    BareLf,
    /// RFC 9112 section 2.2: a CR that does not end a line.
    #[error("a CR stands alone")]
    BareCr,
    /// RFC 9110 section 5.5.
    #[error("a NUL byte is in the head")]
    Nul,
    /// RFC 9112 section 5.2: a field value continued on the next line.
    #[error("a header field is folded over two lines")]
    ObsFold,
    /// RFC 9112 section 6.3.
    #[error("Content-Length is given more than once")]
    RepeatedContentLength,
    /// RFC 9112 section 6.1: an attempt at request smuggling, as a rule.
    #[error("both Content-Length and Transfer-Encoding are given")]
    LengthAndEncoding,
    /// RFC 9112 section 6.1: `chunked` must be named once, last; the gate takes nothing else.
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
    /// Over [`MAX_HEAD`].
    #[error("the head is longer than 12 KiB")]
    HeadTooLong,
}

/// Follows the framing of the requests on one connection.
#[derive(Debug)]
pub struct Guard {
    state: State,
    /// The line begun so far, where it came in pieces.
    line: Vec<u8>,
    head: Head,
}

#[derive(Debug)]
enum State {
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
    length: Option<u64>,
    chunked: bool,
}

impl Default for Guard {
    /// At the start of a connection.
    fn default() -> Self {
        Self { state: State::RequestLine, line: Vec::new(), head: Head::default() }
    }
}

impl Guard {
    /// Follows `bytes`, the next ones of the connection.
    ///
    /// # Errors
    /// The first violation; nothing of the connection can be understood after it.
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

    /// Takes one line, or the piece of it that has come; returns what follows.
    fn line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Violation> {
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
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
            // Keeps the room, not the text.
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
        if text.contains(&b'\r') {
            return Err(Violation::BareCr);
        }
        if text.contains(&0) {
            return Err(Violation::Nul);
        }
        match self.state {
            State::RequestLine => self.request_line(text, line.len()),
            State::Field => {
                self.head.bytes += line.len();
                if text.is_empty() { self.end_of_head() } else { self.field(text) }
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
            // RFC 9112 section 2.2: an empty line before a request is passed over.
            return Ok(());
        }
        if text.contains(&b'#') {
            return Err(Violation::Fragment);
        }
        self.head = Head { bytes, ..Head::default() };
        self.state = State::Field;
        Ok(())
    }

    fn field(&mut self, text: &[u8]) -> Result<(), Violation> {
        if matches!(text.first(), Some(b' ' | b'\t')) {
            return Err(Violation::ObsFold);
        }
        let Some(colon) = text.iter().position(|&byte| byte == b':') else {
            return Ok(()); // hyper refuses it
        };
        let (name, value) = (&text[..colon], text[colon + 1..].trim_ascii());
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
            if self.head.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Violation::TransferEncoding);
            }
            self.head.chunked = true;
        }
        Ok(())
    }

    fn end_of_head(&mut self) -> Result<(), Violation> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn follow(text: &str) -> Result<(), Violation> {
        Guard::default().follow(text.as_bytes())
    }

    const HEAD: &str = "POST /hooks/wake HTTP/1.1\r\nHost: a\r\n";

    #[test]
    fn well_formed_requests_pass_one_after_the_other() {
        let requests = format!(
            "{HEAD}\r\n\r\n{HEAD}Content-Length: 5\r\n\r\na\nb\r\0\
             {HEAD}Transfer-Encoding: Chunked\r\n\r\n3;x=\"y\"\r\na\0\n\r\n00\r\nTrailer: x\r\n\r\n{HEAD}\r\n"
        );
        assert_eq!(follow(&requests), Ok(()));
    }

    #[test]
    fn every_violation_is_named() {
        for (rest, violation) in [
            ("X: y\n", Violation::BareLf),
            ("X: a\rb\r\n", Violation::BareCr),
            ("X: a\0b\r\n", Violation::Nul),
            ("X: a\r\n b\r\n", Violation::ObsFold),
            ("Content-Length: 1\r\ncontent-length: 1\r\n", Violation::RepeatedContentLength),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Violation::LengthAndEncoding),
            ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", Violation::LengthAndEncoding),
            ("Transfer-Encoding: gzip, chunked\r\n", Violation::TransferEncoding),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Violation::TransferEncoding,
            ),
            ("Content-Length: +1\r\n", Violation::ContentLength),
            ("Content-Length: 1, 1\r\n", Violation::ContentLength),
            ("Content-Length: \r\n", Violation::ContentLength),
            ("Transfer-Encoding: chunked\r\n\r\nx\r\n", Violation::Chunk),
            ("Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", Violation::Chunk),
            ("Transfer-Encoding: chunked\r\n\r\n-1\r\n", Violation::Chunk),
            ("Transfer-Encoding: chunked\r\n\r\n0\n", Violation::BareLf),
        ] {
            assert_eq!(follow(&format!("{HEAD}{rest}")), Err(violation), "{rest:?}");
        }
        assert_eq!(follow("GET /a#b HTTP/1.1\r\n"), Err(Violation::Fragment));
        assert_eq!(follow("GET / HTTP/1.1\n"), Err(Violation::BareLf));
    }

    #[test]
    fn a_head_over_the_limit_is_refused_before_it_is_complete() {
        assert_eq!(follow(&format!("{HEAD}X: {}", "a".repeat(MAX_HEAD))), Err(Violation::HeadTooLong));
        let fields = "X: yyyyyyyyyyyyyyyy\r\n".repeat(MAX_HEAD / 20);
        assert_eq!(follow(&format!("{HEAD}{fields}")), Err(Violation::HeadTooLong));
    }

    proptest! {
        /// How the bytes are cut into reads must not matter.
        #[test]
        fn the_verdict_does_not_depend_on_how_the_bytes_arrive(
            text in "(POST /a HTTP/1\\.1\r\n)?((Content-Length: [0-3]|Transfer-Encoding: chunked|X: y| z)(\r\n|\n)){0,3}\r\n[0-3a\r\n]{0,12}",
            cut in 0usize..80,
        ) {
            let bytes = text.as_bytes();
            let cut = cut.min(bytes.len());
            let whole = Guard::default().follow(bytes);
            let mut guard = Guard::default();
            let pieces = guard.follow(&bytes[..cut]).and_then(|()| guard.follow(&bytes[cut..]));
            let mut single = Guard::default();
            let singles = bytes.chunks(1).try_for_each(|byte| single.follow(byte));
            prop_assert_eq!(&whole, &pieces);
            prop_assert_eq!(&whole, &singles);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Guard::default().follow(&bytes);
        }
    }
}
