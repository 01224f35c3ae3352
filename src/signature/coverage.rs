//! Which parts of a request are under a signature.

use super::source::Source;
use super::template::{Part, Template};

/// Which parts of a request are under the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// The whole body.
    pub body: bool,
    /// The URL with its query.
    pub url: bool,
    /// The method.
    pub method: bool,
    /// The time.
    pub timestamp: bool,
    /// The id of the event.
    pub id: bool,
}

impl Coverage {
    /// The names of the parts that nobody can change without breaking the signature, for people.
    pub fn parts(&self) -> Vec<&'static str> {
        let Self { body, url, method, timestamp, id } = *self;
        let parts = [
            (body, "body"),
            (url, "URL"),
            (method, "method"),
            (timestamp, "time"),
            (id, "id of the event"),
        ];
        parts.into_iter().filter(|(is_covered, _)| *is_covered).map(|(_, part)| part).collect()
    }
}

/// Whether nobody can change `part` without changing what is signed.
pub(super) fn covers(signed: &Template, timestamp: Option<&Source>, part: &Part) -> bool {
    match part {
        Part::Literal(_) => true,
        Part::Source(Source::Body(_)) if signed.has(&Part::Body) => true,
        Part::Source(Source::Query(_)) | Part::Path if signed.has(&Part::Url) => true,
        Part::Source(source) if Some(source) == timestamp && signed.has(&Part::Timestamp) => true,
        part => signed.has(part),
    }
}
