//! Names of headers.

use http::{HeaderName, header};

use crate::relay::credentials::own_header;

/// Whether a header has a meaning of its own, so that it can have neither a token nor an id.
pub(super) fn is_for_others(header: &HeaderName) -> bool {
    let known = [header::ACCEPT, header::COOKIE, header::CONTENT_RANGE, header::USER_AGENT];
    known.contains(header) || own_header(header.as_str(), b"x").is_err()
}
