//! A request as the inbox stores it: what the upstream is to see, without credentials.

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};

use super::snapshot::UpstreamRoute;
use crate::inbox::{CREDENTIALS, StoredRequest};
use crate::signature::{Source, Verification};

/// What is set anew at each try.
const ANEW: [HeaderName; 2] = [header::CONTENT_LENGTH, HeaderName::from_static("x-request-id")];

/// The request of `parts`, whose header fields are sanitized, for the inbox of `route`.
pub(super) fn stored_request(parts: Parts, body: Bytes, route: &UpstreamRoute) -> StoredRequest {
    let (mut headers, mut target) = (parts.headers, parts.uri);
    remove(&mut headers, &ANEW);
    if route.inbox().is_none_or(|inbox| !inbox.store_authorization) {
        remove(&mut headers, &CREDENTIALS);
        if let Some(verification) = route.verification() {
            remove_tokens(&mut headers, &mut target, verification);
        }
    }
    StoredRequest { method: parts.method, target, headers, body }
}

fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}

/// Removes the token of a sender that sends its secret itself.
fn remove_tokens(headers: &mut HeaderMap, target: &mut Uri, verification: &Verification) {
    for source in verification.verifier.scheme().token_sources() {
        match source {
            Source::Header(name) => drop(headers.remove(name)),
            Source::Query(name) => *target = without_parameter(target, name),
            _ => {}
        }
    }
}

/// `target` without the parameters of the query that are called `name`. The others stay as they were written.
fn without_parameter(target: &Uri, name: &str) -> Uri {
    let Some(query) = target.query() else { return target.clone() };
    let is_other =
        |part: &&str| form_urlencoded::parse(part.as_bytes()).next().is_none_or(|(key, _)| key != name);
    let kept = query.split('&').filter(is_other).collect::<Vec<_>>().join("&");
    let path = target.path();
    let text = if kept.is_empty() { path.to_owned() } else { format!("{path}?{kept}") };
    // A part of a valid target is valid. If it were not, the secret must not be kept.
    PathAndQuery::try_from(text).map_or_else(|_| Uri::default(), Uri::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_removed_in_any_spelling_and_the_others_stay_as_they_were() {
        for (target, rest) in [
            ("/hooks/a?token=s", "/hooks/a"),
            ("/hooks/a?x=%20&token=s&y", "/hooks/a?x=%20&y"),
            ("/hooks/a?%74oken=s&token=t&z=1", "/hooks/a?z=1"),
            ("/hooks/a?tokens=1", "/hooks/a?tokens=1"),
            ("/hooks/a", "/hooks/a"),
        ] {
            assert_eq!(without_parameter(&target.parse().unwrap(), "token"), rest, "{target}");
        }
    }
}
