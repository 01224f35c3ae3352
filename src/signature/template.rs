//! What is signed: text with values of the request in it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::source::{Source, SourceError};

/// What is signed, such as `{id}.{timestamp}.{body}`. `Display` and `FromStr` are inverses of each other.
///
/// In braces are `body`, `timestamp`, `id`, `method`, `url`, `path`, or any [`Source`]. `{{` and `}}` are the braces
/// themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// This text.
    Literal(String),
    /// The raw body.
    Body,
    /// The time as the request has it.
    Timestamp,
    /// The id of the event.
    Id,
    /// The method.
    Method,
    /// The public URL, path and query as they came.
    Url,
    /// The path, without the query.
    Path,
    /// A value of the request.
    Source(Source),
}

/// The longest template, in bytes.
pub const MAX_TEMPLATE_LENGTH: usize = 1024;

/// The most parts of a template. A body may be among them more than once.
pub const MAX_TEMPLATE_PARTS: usize = 32;

/// Why a template cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_TEMPLATE_LENGTH`] bytes or [`MAX_TEMPLATE_PARTS`] parts.
    #[error("is too long: at most {MAX_TEMPLATE_LENGTH} bytes and {MAX_TEMPLATE_PARTS} parts")]
    TooLong,
    /// `{` without `}` after it.
    #[error("has a `{{` without its `}}`; a brace in the text is written twice")]
    Open,
    /// `}` without `{` before it.
    #[error("has a `}}` without its `{{`; a brace in the text is written twice")]
    Close,
    /// Something else in braces.
    #[error("`{0}` is unknown; in braces are body, timestamp, id, method, url, path, or a source")]
    Unknown(String),
    /// Something like a source in braces.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl Template {
    /// Its parts in their order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Reads a source, or a template that has braces: as `id` in the settings.
    pub fn source_or_template(text: &str) -> Result<Self, TemplateError> {
        if text.contains(['{', '}']) { text.parse() } else { Ok(Source::from_str(text)?.into()) }
    }

    /// Whether the part is in it.
    pub fn has(&self, part: &Part) -> bool {
        self.parts.contains(part)
    }

    /// The sources in it.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.parts.iter().filter_map(|part| match part {
            Part::Source(source) => Some(source),
            _ => None,
        })
    }
}

impl From<Source> for Template {
    fn from(source: Source) -> Self {
        Self { parts: vec![Part::Source(source)] }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if text.len() > MAX_TEMPLATE_LENGTH {
            return Err(TemplateError::TooLong);
        }
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let from = &rest[at..];
            if from.starts_with("{{") || from.starts_with("}}") {
                literal.push_str(&from[..1]);
                rest = &from[2..];
                continue;
            }
            let inside = from.strip_prefix('{').ok_or(TemplateError::Close)?;
            let (name, after) = inside.split_once('}').ok_or(TemplateError::Open)?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::named(name)?);
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        if parts.len() > MAX_TEMPLATE_PARTS { Err(TemplateError::TooLong) } else { Ok(Self { parts }) }
    }
}

impl Part {
    /// The part that is written so within braces.
    fn named(name: &str) -> Result<Self, TemplateError> {
        Ok(match name {
            "body" => Self::Body,
            "timestamp" => Self::Timestamp,
            "id" => Self::Id,
            "method" => Self::Method,
            "url" => Self::Url,
            "path" => Self::Path,
            _ => match name.parse() {
                Ok(source) => Self::Source(source),
                Err(SourceError::Unknown(name)) => return Err(TemplateError::Unknown(name)),
                Err(error) => return Err(error.into()),
            },
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            part => write!(f, "{{{part}}}"),
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Body => f.write_str("body"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Id => f.write_str("id"),
            Self::Method => f.write_str("method"),
            Self::Url => f.write_str("url"),
            Self::Path => f.write_str("path"),
            Self::Source(source) => source.fmt(f),
        }
    }
}
