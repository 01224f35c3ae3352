//! By which id a target recognises an event that comes again.

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, digest};
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderName};
use thiserror::Error;

use crate::inbox::EventId;
use crate::signature::{LookupError, MAX_ID, Part, Source, Template, TemplateError};

/// Where callers say what the id of an event is, if `id` does not.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Where the id of an event is: `id = "body:/eventId"`, `"header:x-id"`, or a template of those: `"{body:/jobId}-{body:/runAtMs}"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdSource(Template);

/// Why `id` cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdSourceError {
    /// Not a source or a template.
    #[error("{0}")]
    Template(#[from] TemplateError),
    /// What an event of the relay does not have, or what does not make it different from others.
    #[error("`{0}` cannot be a part of the id")]
    Part(String),
    /// Text alone: all events would be the same one.
    #[error("nothing in it is different for each event")]
    Constant,
}

impl IdSourceError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "write body:/POINTER or header:NAME, or a template of those, e.g. \"{body:/jobId}-{body:/runAtMs}\""
    }
}

/// Why the id of an event cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdError {
    /// The body has no clear value there.
    #[error("the id cannot be read: the body {fault} at `{pointer}`")]
    Body {
        /// The pointer.
        pointer: String,
        /// Why.
        fault: LookupError,
    },
    /// The header is there twice.
    #[error("the id cannot be read: the header `{0}` is there twice")]
    HeaderTwice(HeaderName),
}

/// The id of an event: visible ASCII, at most [`MAX_ID`] bytes. It is the same for all tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventIdentity {
    /// The id.
    pub id: String,
    /// Who made it.
    pub origin: IdOrigin,
}

/// Who made an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdOrigin {
    /// It is where `id` in the settings says.
    Settings,
    /// The caller, in `Idempotency-Key`.
    Header,
    /// clawgate. If the caller sends the event again, that is another event.
    Made,
}

impl IdSource {
    /// Reads `id` of the settings.
    pub fn new(text: &str) -> Result<Self, IdSourceError> {
        let template = Template::source_or_template(text)?;
        let is_possible = |part: &&Part| {
            matches!(
                part,
                Part::Literal(_) | Part::Source(Source::Body(_)) | Part::Source(Source::Header(_))
            )
        };
        if let Some(part) = template.parts().iter().find(|part| !is_possible(part)) {
            return Err(IdSourceError::Part(part.to_string()));
        }
        let is_constant = template.sources().next().is_none();
        if is_constant { Err(IdSourceError::Constant) } else { Ok(Self(template)) }
    }

    /// The id in an event; `None` if a part of it is missing or empty.
    fn find(&self, headers: &HeaderMap, body: &[u8]) -> Result<Option<Vec<u8>>, IdError> {
        let mut id = Vec::new();
        for part in self.0.parts() {
            let value = match part {
                Part::Literal(text) => Some(Cow::Borrowed(text.as_bytes())),
                Part::Source(Source::Body(pointer)) => {
                    let found = pointer
                        .find(body)
                        .map_err(|fault| IdError::Body { pointer: pointer.to_string(), fault })?;
                    found.map(|text| Cow::Owned(text.into_owned().into_bytes()))
                }
                Part::Source(Source::Header(name)) => header(headers, name)?.map(Cow::Borrowed),
                // `new` lets none in.
                _ => None,
            };
            match value {
                Some(value) if !value.is_empty() => id.extend_from_slice(&value),
                _ => return Ok(None),
            }
        }
        Ok(Some(id))
    }
}

impl fmt::Display for IdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of an event: from where `id` of the settings says; if there is none, from `Idempotency-Key`; else the one that the event is stored
/// with.
///
/// # Errors
/// Where two readers could find different ids, or the body is not JSON though the id should be in it.
pub fn identity(
    source: Option<&IdSource>,
    headers: &HeaderMap,
    body: &[u8],
    stored: EventId,
) -> Result<EventIdentity, IdError> {
    if let Some(id) = source.map_or(Ok(None), |source| source.find(headers, body))? {
        return Ok(EventIdentity { id: safe(&id), origin: IdOrigin::Settings });
    }
    match header(headers, &IDEMPOTENCY_KEY)? {
        Some(id) if !id.is_empty() => Ok(EventIdentity { id: safe(id), origin: IdOrigin::Header }),
        _ => Ok(EventIdentity { id: stored.to_string(), origin: IdOrigin::Made }),
    }
}

/// The id of a batch: the same for the same events in the same order, and for no others.
pub fn batch_id<'i>(ids: impl IntoIterator<Item = &'i str>) -> String {
    let mut context = Context::new(&SHA256);
    for id in ids {
        // With its length before it, two lists have the same bytes only if they are the same.
        context.update(&u64::try_from(id.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(id.as_bytes());
    }
    format!("batch-{}", HEXLOWER.encode(context.finish().as_ref()))
}

/// The id of an event that an operator sends again for the `number`th time: the target is to take it for another one.
pub fn replayed_id(id: &str, number: u32) -> String {
    safe(format!("{id}-r{number}").as_bytes())
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h [u8]>, IdError> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(IdError::HeaderTwice(name.clone())),
        (value, None) => Ok(value.map(|value| value.as_bytes().trim_ascii())),
    }
}

/// The id itself if it can stand in a header and a log line, or its SHA-256.
fn safe(id: &[u8]) -> String {
    match str::from_utf8(id) {
        Ok(text) if id.len() <= MAX_ID && id.iter().all(u8::is_ascii_graphic) => text.to_owned(),
        _ => format!("sha256:{}", HEXLOWER.encode(digest(&SHA256, id).as_ref())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn stored() -> EventId {
        EventId::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000), [7; 10])
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn found(source: &str, sent: &[(&'static str, &str)], body: &str) -> Result<EventIdentity, IdError> {
        let source = IdSource::new(source).unwrap();
        identity(Some(&source), &headers(sent), body.as_bytes(), stored())
    }

    fn id(id: &str, origin: IdOrigin) -> Result<EventIdentity, IdError> {
        Ok(EventIdentity { id: id.to_owned(), origin })
    }

    #[test]
    fn the_id_is_where_the_settings_say() {
        let body = r#"{"eventId":"e-1","jobId":"nightly","runAtMs":1770000000000}"#;
        assert_eq!(found("body:/eventId", &[], body), id("e-1", IdOrigin::Settings));
        assert_eq!(found("header:x-id", &[("x-id", " h-1 ")], body), id("h-1", IdOrigin::Settings));
        assert_eq!(
            found("{body:/jobId}-{body:/runAtMs}", &[("idempotency-key", "other")], body),
            id("nightly-1770000000000", IdOrigin::Settings)
        );
    }

    #[test]
    fn without_it_the_header_counts_and_without_that_the_stored_id() {
        let sent = [("idempotency-key", "k-1")];
        for body in [r#"{}"#, r#"{"a":"x"}"#, r#"{"a":"x","b":""}"#, r#"{"a":"x","b":null}"#] {
            assert_eq!(found("{body:/a}-{body:/b}", &sent, body), id("k-1", IdOrigin::Header), "{body}");
            assert_eq!(
                found("{body:/a}-{body:/b}", &[], body),
                id(&stored().to_string(), IdOrigin::Made)
            );
        }
        assert_eq!(
            identity(None, &headers(&[("idempotency-key", " ")]), b"no JSON", stored()),
            id(&stored().to_string(), IdOrigin::Made)
        );
        assert_eq!(identity(None, &headers(&sent), b"no JSON", stored()), id("k-1", IdOrigin::Header));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for (body, fault) in [
            (r#"{"id":1,"id":2}"#, LookupError::DuplicateKey),
            (r#"{"id":{}}"#, LookupError::NotScalar),
            ("id=1", LookupError::NotJson),
        ] {
            let error = found("body:/id", &[("idempotency-key", "k")], body).unwrap_err();
            assert_eq!(error, IdError::Body { pointer: "/id".into(), fault }, "{body}");
        }
        let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
        assert_eq!(found("body:/id", &twice, "{}"), Err(IdError::HeaderTwice(IDEMPOTENCY_KEY)));
        assert_eq!(found("body:/id", &twice, r#"{"id":1}"#), id("1", IdOrigin::Settings));
    }

    #[test]
    fn an_id_that_no_header_can_have_is_hashed() {
        for text in ["a b", "é", "line\\nbreak", &"x".repeat(257)] {
            let identity = found("body:/id", &[], &format!(r#"{{"id":"{text}"}}"#)).unwrap();
            assert!(identity.id.starts_with("sha256:") && identity.id.len() == 71, "{}", identity.id);
        }
        let longest = "x".repeat(256);
        assert_eq!(
            found("body:/id", &[], &format!(r#"{{"id":"{longest}"}}"#)),
            id(&longest, IdOrigin::Settings)
        );
    }

    #[test]
    fn what_cannot_be_an_id_is_refused_at_the_start() {
        for (text, part) in [
            ("{body}", "body"),
            ("{timestamp}", "timestamp"),
            ("bearer", "bearer"),
            ("query:id", "query:id"),
            ("{method}-{body:/id}", "method"),
            ("header:x-*", "header:x-*"),
        ] {
            assert_eq!(IdSource::new(text), Err(IdSourceError::Part(part.into())), "{text}");
        }
        assert_eq!(IdSource::new("{{}}"), Err(IdSourceError::Constant));
        assert!(matches!(IdSource::new("eventId"), Err(IdSourceError::Template(_))));
    }

    #[test]
    fn a_replay_is_another_event_for_the_target() {
        assert_eq!(replayed_id("e-1", 1), "e-1-r1");
        assert!(replayed_id(&"x".repeat(256), 1).starts_with("sha256:"));
        assert_ne!(replayed_id(&"x".repeat(256), 1), replayed_id(&"x".repeat(256), 2));
    }

    proptest! {
        /// The id of a batch depends on each id and on their order, and on where one ends and the next begins.
        #[test]
        fn a_batch_has_its_own_id(
            one in proptest::collection::vec("[ab-]{0,3}", 1..5), other in proptest::collection::vec("[ab-]{0,3}", 1..5),
        ) {
            let of = |ids: &[String]| batch_id(ids.iter().map(String::as_str));
            prop_assert_eq!(of(&one) == of(&other), one == other);
        }
    }
}
