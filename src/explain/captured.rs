//! A request that was captured as text: an HTTP/1.1 message (RFC 9112).

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use thiserror::Error;

/// The longest file of a captured request, in bytes.
pub const MAX_CAPTURED: usize = 64 * 1024 * 1024;

/// A captured request.
#[derive(Clone, Debug)]
pub struct CapturedRequest {
    /// The method.
    pub method: Method,
    /// Path and query as they came.
    pub target: String,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body: as long as Content-Length says, or all that is there.
    pub body: Vec<u8>,
    /// What Content-Length says, in bytes.
    pub length: Option<usize>,
    /// How many bytes follow the body.
    pub excess: usize,
}

/// Why a file has no request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CapturedError {
    /// More than [`MAX_CAPTURED`].
    #[error("has more than {} MiB", MAX_CAPTURED / 1024 / 1024)]
    TooLong,
    /// No empty line.
    #[error("has no empty line, which ends the headers of a request")]
    NoHead,
    /// Another first line.
    #[error("does not begin with a request line such as `POST /hooks/github HTTP/1.1`")]
    RequestLine,
    /// A line that is no header.
    #[error("has no header in line {0}; write `Name: value`")]
    Header(usize),
}

impl CapturedRequest {
    /// Reads a request: request line, headers, an empty line, body. Lines end with LF or CR LF; every byte after the empty
    /// line belongs to the body, unless Content-Length says how many.
    ///
    /// # Errors
    /// When it is too long, or no request.
    pub fn parse(bytes: &[u8]) -> Result<Self, CapturedError> {
        if bytes.len() > MAX_CAPTURED {
            return Err(CapturedError::TooLong);
        }
        let mut rest = bytes;
        let (method, target) = request_line(line(&mut rest).ok_or(CapturedError::NoHead)?)?;
        let mut headers = HeaderMap::new();
        for number in 2.. {
            let line = line(&mut rest).ok_or(CapturedError::NoHead)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = header(line).ok_or(CapturedError::Header(number))?;
            headers.try_append(name, value).map_err(|_| CapturedError::Header(number))?;
        }
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let (body, excess) = rest.split_at(length.unwrap_or(rest.len()).min(rest.len()));
        Ok(Self { method, target, headers, body: body.to_vec(), length, excess: excess.len() })
    }

    /// How many bytes of the body are missing.
    pub(super) fn missing(&self) -> usize {
        self.length.map_or(0, |length| length.saturating_sub(self.body.len()))
    }
}

/// The next line, without its end; `None` if there is no end of line.
fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, after) = (&rest[..end], &rest[end + 1..]);
    *rest = after;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// The method and the target in origin-form (RFC 9112 section 3.2.1); of an absolute-form, scheme and host are left out.
fn request_line(line: &[u8]) -> Result<(Method, String), CapturedError> {
    let text = str::from_utf8(line).map_err(|_| CapturedError::RequestLine)?;
    let mut words = text.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(CapturedError::RequestLine);
    };
    let is_version = words.next().is_some_and(|version| version.starts_with("HTTP/"));
    let after_host = |(_, rest): (&str, &'_ str)| rest.find('/').map(|at| rest[at..].to_owned());
    let target = match target.split_once("://").filter(|_| !target.starts_with('/')) {
        Some(parts) => after_host(parts),
        None => Some(target.to_owned()).filter(|target| target.starts_with('/')),
    };
    match (Method::from_bytes(method.as_bytes()), target) {
        (Ok(method), Some(target)) if is_version && words.next().is_none() => Ok((method, target)),
        _ => Err(CapturedError::RequestLine),
    }
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_lf_or_cr_lf_and_every_other_byte_belongs_to_the_body() {
        for end in ["\n", "\r\n"] {
            let text = format!("POST /a?b=c HTTP/1.1{end}X-A:  1 {end}x-a: 2{end}{end}{{}}\r\n\n");
            let captured = CapturedRequest::parse(text.as_bytes()).unwrap();
            let values: Vec<_> = captured.headers.get_all("x-a").iter().collect();
            assert_eq!((captured.method.as_str(), captured.target.as_str()), ("POST", "/a?b=c"));
            assert_eq!(values, ["1", "2"]);
            assert_eq!(captured.body, b"{}\r\n\n");
        }
    }

    #[test]
    fn content_length_says_where_the_body_ends() {
        let parse = |text: &str| CapturedRequest::parse(text.as_bytes()).unwrap();
        let longer = parse("POST / HTTP/1.1\nContent-Length: 2\n\n{}\n");
        assert_eq!((longer.body.as_slice(), longer.excess, longer.missing()), (&b"{}"[..], 1, 0));
        let shorter = parse("POST / HTTP/1.1\nContent-Length: 5\n\n{}\n");
        assert_eq!((shorter.body.as_slice(), shorter.excess, shorter.missing()), (&b"{}\n"[..], 0, 2));
    }

    #[test]
    fn a_target_with_scheme_and_host_is_cut_to_its_path() {
        let captured = CapturedRequest::parse(b"POST https://a.example/b?c=d://e HTTP/1.1\n\n").unwrap();
        assert_eq!(captured.target, "/b?c=d://e");
        let captured = CapturedRequest::parse(b"POST /b?c=d://e HTTP/1.1\n\n").unwrap();
        assert_eq!(captured.target, "/b?c=d://e");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let error = |text: &str| CapturedRequest::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error(""), CapturedError::NoHead);
        assert_eq!(error("POST / HTTP/1.1\nA: b\n"), CapturedError::NoHead);
        for line in
            ["{}", "POST /", "POST / HTTP/1.1 x", "POST a HTTP/1.1", "POST https://a HTTP/1.1", "é / x"]
        {
            assert_eq!(error(&format!("{line}\n\n")), CapturedError::RequestLine, "{line}");
        }
        assert_eq!(error("POST / HTTP/1.1\nA: b\nno header\n\n"), CapturedError::Header(3));
        assert_eq!(error("POST / HTTP/1.1\n a: folded\n\n"), CapturedError::Header(2));
    }
}
