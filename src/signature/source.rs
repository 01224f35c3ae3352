//! Where a value is in a request.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::HeaderName;
use thiserror::Error;

use super::pointer::{LookupError, Pointer, PointerError};
use super::request::{SignedRequest, Twice};

/// Where a value is. `Display` and `FromStr` are inverses of each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `header:NAME`: a header, which may be there once.
    Header(HeaderName),
    /// `header:PREFIX*`: every header whose name begins so.
    Headers(String),
    /// `bearer`: what `Authorization: Bearer` has.
    Bearer,
    /// `basic`: `user:password` of `Authorization: Basic`, decoded.
    Basic,
    /// `field:NAME`: a field of the signature header.
    Field(String),
    /// `body:/POINTER`: a string, number or boolean of a JSON body.
    Body(Pointer),
    /// `query:NAME`: a parameter of the query, decoded.
    Query(String),
}

/// Why a source cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SourceError {
    /// None of the forms of [`Source`].
    #[error(
        "`{0}` is no source; use header:NAME, bearer, basic, field:NAME, body:/POINTER or query:NAME"
    )]
    Unknown(String),
    /// Not a name that a header can have.
    #[error("`{0}` is no name of a header")]
    HeaderName(String),
    /// A name that is empty, or has characters that fields do not have.
    #[error("`{0}` is no name of a field: use letters, digits, `-`, `_` and `.`")]
    FieldName(String),
    /// A parameter without a name.
    #[error("the name of the query parameter is missing after `query:`")]
    NoName,
    /// A template could not hold it.
    #[error("`{0}` has a brace, which no source may have here")]
    Brace(String),
    /// What is after `body:`.
    #[error(transparent)]
    Pointer(#[from] PointerError),
}

/// Why a value cannot be taken from a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is there twice.
    Twice,
    /// The body has no clear value.
    Body(LookupError),
}

impl From<Twice> for Unreadable {
    fn from(_: Twice) -> Self {
        Self::Twice
    }
}

impl Source {
    /// Whether the value is in the body.
    pub fn is_in_body(&self) -> bool {
        matches!(self, Self::Body(_))
    }

    /// The value; `None` if it is not there. `field` finds a field of the signature header.
    pub(super) fn value<'a>(
        &self,
        request: &SignedRequest<'a>,
        field: impl FnOnce(&str) -> Result<Option<&'a [u8]>, Twice>,
    ) -> Result<Option<Cow<'a, [u8]>>, Unreadable> {
        Ok(match self {
            Self::Header(name) => request.header(name)?.map(Cow::Borrowed),
            // `Scheme::new` takes it for signatures only.
            Self::Headers(_) => None,
            Self::Bearer => request.bearer()?.map(Cow::Borrowed),
            Self::Basic => request.basic()?.map(Cow::Owned),
            Self::Field(name) => field(name)?.map(Cow::Borrowed),
            Self::Body(pointer) => pointer.find(request.body).map_err(Unreadable::Body)?.map(bytes),
            Self::Query(name) => request.query(name)?.map(bytes),
        })
    }

    /// Adds the values of a source of signatures, of which `header:PREFIX*` may have several.
    pub(super) fn add_values<'a>(
        &self,
        request: &SignedRequest<'a>,
        values: &mut Vec<Cow<'a, [u8]>>,
    ) -> Result<(), Unreadable> {
        let Self::Headers(prefix) = self else {
            values.extend(self.value(request, |_| Ok(None))?);
            return Ok(());
        };
        for name in request.headers.keys().filter(|name| name.as_str().starts_with(prefix.as_str())) {
            values.extend(request.header(name)?.map(Cow::Borrowed));
        }
        Ok(())
    }

    /// Whether a header of this source is there, with whatever value.
    pub(super) fn has_header(&self, request: &SignedRequest<'_>) -> bool {
        matches!(self, Self::Header(name) if request.headers.contains_key(name))
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if text.contains(['{', '}']) {
            return Err(SourceError::Brace(text.to_owned()));
        }
        match text.split_once(':') {
            Some(("header", name)) => header(name),
            Some(("field", name)) if is_field_name(name) => Ok(Self::Field(name.to_owned())),
            Some(("field", name)) => Err(SourceError::FieldName(name.to_owned())),
            Some(("body", pointer)) => Ok(Self::Body(pointer.parse()?)),
            Some(("query", "")) => Err(SourceError::NoName),
            Some(("query", name)) => Ok(Self::Query(name.to_owned())),
            None if text == "bearer" => Ok(Self::Bearer),
            None if text == "basic" => Ok(Self::Basic),
            _ => Err(SourceError::Unknown(text.to_owned())),
        }
    }
}

fn header(name: &str) -> Result<Source, SourceError> {
    let prefix = name.strip_suffix('*');
    let parsed = HeaderName::from_bytes(prefix.unwrap_or(name).as_bytes());
    // `*` may be in the name of a header (RFC 9110 section 5.6.2), but none in use has one.
    let parsed = parsed.ok().filter(|parsed| !parsed.as_str().contains('*'));
    let parsed = parsed.ok_or_else(|| SourceError::HeaderName(name.to_owned()))?;
    Ok(if prefix.is_some() {
        Source::Headers(parsed.as_str().to_owned())
    } else {
        Source::Header(parsed)
    })
}

/// Whether fields of a signature header may have this name.
pub(super) fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Headers(prefix) => write!(f, "header:{prefix}*"),
            Self::Bearer => f.write_str("bearer"),
            Self::Basic => f.write_str("basic"),
            Self::Field(name) => write!(f, "field:{name}"),
            Self::Body(pointer) => write!(f, "body:{pointer}"),
            Self::Query(name) => write!(f, "query:{name}"),
        }
    }
}
