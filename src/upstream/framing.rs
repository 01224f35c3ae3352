//! Removes ambiguity from the framing of an upstream's response.
//!
//! hyper finds the end of the body by RFC 9112 section 6.3, but does not change the header fields. If clawgate
//! forwarded them unchanged, the client could find a different end of the body.

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Body;
use thiserror::Error;

/// Why the framing of a response is ambiguous.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BadFraming {
    /// RFC 9112 section 6.1. Only `chunked` is accepted, and only once.
    #[error("its Transfer-Encoding is not exactly `chunked`")]
    TransferEncoding,
    /// RFC 9110 section 8.6. Only one number is accepted, but it may be repeated.
    #[error("its Content-Length is not one number")]
    ContentLength,
}

/// Keeps in `response` only the fields that describe the body as hyper reads it. Returns whether the connection may be
/// used again.
///
/// # Errors
/// If clawgate does not support the framing.
pub(super) fn settle<B: Body>(response: &mut Response<B>) -> Result<bool, BadFraming> {
    let no_content = response.status() == StatusCode::NO_CONTENT;
    let has_body = !response.body().is_end_stream();
    let headers = response.headers_mut();
    if headers.contains_key(header::TRANSFER_ENCODING) {
        if has_body && !is_plainly_chunked(headers) {
            return Err(BadFraming::TransferEncoding);
        }
        // RFC 9112 section 6.3: Transfer-Encoding overrides Content-Length. An upstream that sends both, or that
        // announces chunks where there is no body, may see the end of its response elsewhere.
        let both = headers.remove(header::CONTENT_LENGTH).is_some();
        return Ok(has_body && !both);
    }
    if no_content {
        // RFC 9110 section 8.6.
        headers.remove(header::CONTENT_LENGTH);
        return Ok(true);
    }
    one_length(headers).map(|()| true)
}

/// Whether there is exactly one field, with exactly this value.
fn is_plainly_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let coding = codings.next().map(HeaderValue::as_bytes);
    coding.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

/// Replaces several equal Content-Lengths with one.
fn one_length(headers: &mut HeaderMap) -> Result<(), BadFraming> {
    let mut fields = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = fields.next() else { return Ok(()) };
    if fields.next().is_none() && length(first.as_bytes()).is_some() {
        return Ok(());
    }
    let mut lengths = headers
        .get_all(header::CONTENT_LENGTH)
        .iter()
        .flat_map(|field| field.as_bytes().split(|&byte| byte == b','))
        .map(|value| length(value.trim_ascii()));
    let first = lengths.next().flatten().ok_or(BadFraming::ContentLength)?;
    if !lengths.all(|length| length == Some(first)) {
        return Err(BadFraming::ContentLength);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(first));
    Ok(())
}

/// The number, which must have digits only.
fn length(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    digits?.parse().ok()
}

/// Fields about the connection or the framing. RFC 9110 section 6.5.1 forbids them in trailers, and HTTP/2 treats them
/// as errors.
const NOT_IN_TRAILERS: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Removes from trailers the fields that must not be forwarded.
pub(super) fn settle_trailers(trailers: &mut HeaderMap) {
    for name in NOT_IN_TRAILERS {
        trailers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection"] {
        trailers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};

    use super::*;

    fn settled(fields: &[(&str, &str)]) -> (Result<bool, BadFraming>, Vec<String>) {
        let mut response = Response::new(Full::new(&b"hello"[..]));
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            response.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let settled = settle(&mut response);
        let lengths = response.headers().get_all(header::CONTENT_LENGTH).iter();
        (settled, lengths.map(|length| length.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn equal_lengths_become_one_and_different_lengths_are_refused() {
        for (values, expected) in [
            (&["5"][..], Some("5")),
            (&["5", "5"], Some("5")),
            (&["5, 5"], Some("5")),
            (&["5,5", "5"], Some("5")),
            (&["05, 5"], Some("5")),
            (&["5", "6"], None),
            (&["5, 6"], None),
            (&["5,"], None),
            (&["+5"], None),
            (&["-5"], None),
            (&[""], None),
            (&["5 5"], None),
            (&["0x5"], None),
            (&["99999999999999999999999"], None),
        ] {
            let fields: Vec<_> = values.iter().map(|value| ("content-length", *value)).collect();
            let (settled, lengths) = settled(&fields);
            match expected {
                Some(length) => assert_eq!((settled, lengths), (Ok(true), vec![length.to_owned()])),
                None => assert_eq!(settled, Err(BadFraming::ContentLength), "{values:?}"),
            }
        }
        assert_eq!(settled(&[]), (Ok(true), vec![]));
    }

    #[test]
    fn chunked_overrides_a_length_and_other_codings_are_refused() {
        for value in ["chunked", "Chunked"] {
            assert_eq!(settled(&[("transfer-encoding", value)]).0, Ok(true), "{value}");
        }
        let both = settled(&[("content-length", "2"), ("transfer-encoding", "chunked")]);
        assert_eq!(both, (Ok(false), vec![]));
        for value in
            ["gzip, chunked", "chunked, chunked", "gzip", "identity", "", "xchunked", "chunked;q=1"]
        {
            let settled = settled(&[("transfer-encoding", value)]).0;
            assert_eq!(settled, Err(BadFraming::TransferEncoding), "{value}");
        }
        let twice = settled(&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]).0;
        assert_eq!(twice, Err(BadFraming::TransferEncoding));
    }

    #[test]
    fn an_answer_without_a_body_has_no_chunks_and_204_no_length() {
        let mut response = Response::new(Empty::<bytes::Bytes>::new());
        response.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(settle(&mut response), Ok(false));
        let mut response = Response::new(Empty::<bytes::Bytes>::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
        assert_eq!(settle(&mut response), Ok(true));
        assert!(response.headers().is_empty());
    }
}
