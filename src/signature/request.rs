//! A request as its sender signed it.

use std::borrow::Cow;

use data_encoding::BASE64;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Method};

/// A request as its sender signed it: the raw bytes, before anything is removed or decoded.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query as they came.
    pub target: &'a str,
    /// What senders call, for schemes that sign the URL: `https://host[:port]`, without a slash at the end. It comes
    /// from the settings, never from headers.
    pub public_url: Option<&'a str>,
    /// The headers as they came.
    pub headers: &'a HeaderMap,
    /// The body as it came: not decompressed. Empty while only the head is checked.
    pub body: &'a [u8],
}

/// A value is there more than once, so that two readers could take different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twice;

impl<'a> SignedRequest<'a> {
    /// The path, without the query.
    pub fn path(&self) -> &'a str {
        self.target.split_once('?').map_or(self.target, |(path, _)| path)
    }

    /// The header of this name.
    pub(super) fn header(&self, name: &HeaderName) -> Result<Option<&'a [u8]>, Twice> {
        let mut lines = self.headers.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (_, Some(_)) => Err(Twice),
            (line, None) => Ok(line.map(|line| line.as_bytes().trim_ascii())),
        }
    }

    /// The value of a parameter of the query, decoded as a form (WHATWG URL section 5.1).
    pub(super) fn query(&self, name: &str) -> Result<Option<Cow<'a, str>>, Twice> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Twice),
            (value, None) => Ok(value.map(|(_, value)| value)),
        }
    }

    /// What is after `Bearer` in `Authorization` (RFC 6750 section 2.1).
    pub(super) fn bearer(&self) -> Result<Option<&'a [u8]>, Twice> {
        self.credentials(b"bearer")
    }

    /// `user:password` of `Authorization: Basic` (RFC 7617 section 2); `None` also if it is no base64.
    pub(super) fn basic(&self) -> Result<Option<Vec<u8>>, Twice> {
        Ok(self.credentials(b"basic")?.and_then(|credentials| BASE64.decode(credentials).ok()))
    }

    fn credentials(&self, scheme: &[u8]) -> Result<Option<&'a [u8]>, Twice> {
        let Some(value) = self.header(&AUTHORIZATION)? else {
            return Ok(None);
        };
        let space = value.iter().position(|byte| *byte == b' ');
        let parts = space.map(|at| value.split_at(at));
        let of_scheme = parts.filter(|(name, _)| name.eq_ignore_ascii_case(scheme));
        Ok(of_scheme.map(|(_, credentials)| credentials.trim_ascii()))
    }
}

/// A request that is to be sent, as a sender makes it.
#[derive(Clone, Debug)]
pub struct OutgoingRequest {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// What is before the target: `https://host[:port]`, without a slash at the end.
    pub public_url: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl OutgoingRequest {
    /// As its receiver sees it.
    pub fn as_received(&self) -> SignedRequest<'_> {
        SignedRequest {
            method: &self.method,
            target: &self.target,
            public_url: self.public_url.as_deref(),
            headers: &self.headers,
            body: &self.body,
        }
    }
}
