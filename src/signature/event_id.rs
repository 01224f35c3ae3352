//! The id of an event where no signature scheme says where it is.

use std::borrow::Cow;

use super::request::SignedRequest;
use super::template::{Part, Template};
use super::verified::safe_id;

/// The id that `template` makes of a request: visible ASCII, at most [`MAX_ID`](super::MAX_ID) bytes; another one is hashed.
///
/// `None` if something that the template names is missing, empty, or there twice. `field:` sources, and parts that only a
/// signature scheme has, are always missing.
pub fn event_id(template: &Template, request: &SignedRequest<'_>) -> Option<String> {
    let mut id = Vec::new();
    for part in template.parts() {
        let piece = match part {
            Part::Literal(text) => Cow::Borrowed(text.as_bytes()),
            Part::Method => Cow::Borrowed(request.method.as_str().as_bytes()),
            Part::Path => Cow::Borrowed(request.path().as_bytes()),
            Part::Source(source) => source.value(request, |_| Ok(None)).ok().flatten()?,
            Part::Body | Part::Url | Part::Timestamp | Part::Id => return None,
        };
        if piece.is_empty() {
            return None;
        }
        id.extend_from_slice(&piece);
    }
    Some(safe_id(&id))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    fn id(template: &str, headers: &[(&'static str, &'static str)], body: &str) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let request = SignedRequest {
            method: &Method::POST,
            target: "/hooks/agent?x=1",
            public_url: None,
            headers: &map,
            body: body.as_bytes(),
        };
        event_id(&Template::source_or_template(template).unwrap(), &request)
    }

    #[test]
    fn an_id_is_read_from_a_header_or_composed_of_the_body() {
        assert_eq!(id("header:idempotency-key", &[("idempotency-key", "a1")], ""), Some("a1".into()));
        let body = r#"{"jobId":"j7","runAtMs":1795788000000}"#;
        assert_eq!(id("{body:/jobId}-{body:/runAtMs}", &[], body), Some("j7-1795788000000".into()));
    }

    #[test]
    fn there_is_no_id_if_a_part_of_it_is_missing_empty_or_there_twice() {
        assert_eq!(id("header:idempotency-key", &[], ""), None);
        assert_eq!(id("header:idempotency-key", &[("idempotency-key", "")], ""), None);
        let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
        assert_eq!(id("header:idempotency-key", &twice, ""), None);
        assert_eq!(id("{body:/jobId}-{body:/runAtMs}", &[], r#"{"jobId":"j7"}"#), None);
        assert_eq!(id("{body:/jobId}", &[], "no JSON"), None);
    }

    #[test]
    fn an_id_that_is_not_visible_ascii_is_hashed() {
        let hashed = id("header:idempotency-key", &[("idempotency-key", "two words")], "").unwrap();
        assert!(hashed.starts_with("sha256:"), "{hashed}");
    }
}
