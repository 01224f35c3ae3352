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
