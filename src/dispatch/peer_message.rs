//! What the instances with one store tell each other, as JSON. Each message has the number of its form; an instance ignores forms that it
//! does not know, so that instances of two versions can run at the same time.
//!
//! What arrives may be anything: it is checked before it is used, and shown only without characters that deceive a reader.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::instance::Instance;
use super::state::{Pause, Paused, UpstreamState};
use super::watch::Answered;
use crate::identity::name::deceives;
use crate::inbox::EventId;
use crate::upstream::remove_hop_by_hop;

/// The form of the messages.
const VERSION: u64 = 1;
/// The largest body of an answer that is told, in bytes.
const LARGEST_BODY: usize = 256 * 1024;
/// How many header fields an answer may have.
const MOST_FIELDS: usize = 256;
/// The largest sum of their names and values, in bytes.
const LARGEST_FIELDS: usize = 64 * 1024;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "of", rename_all = "snake_case")]
pub(super) enum PeerMessage {
    /// Of the instance that delivers: what the upstream has answered to an event.
    Answered(AnsweredEvent),
    /// Of the instance that delivers: that it does, and what is paused.
    State(DelivererState),
    /// To the instance that delivers: an operator wants this to be tried at once.
    Resume(Paused),
}

/// What the upstream has answered to an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AnsweredEvent {
    event: String,
    /// `None`: there will be no answer that can be passed on.
    answer: Option<Answer>,
}

/// An upstream's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    status: u16,
    /// Names and values; each byte of a value is the character with its number.
    headers: Vec<(String, String)>,
    /// As Base64.
    body: String,
}

/// What the instance that delivers knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DelivererState {
    deliverer: Instance,
    upstreams: Vec<UpstreamState>,
    /// The routes of which no event is tried now.
    paused: Vec<Arc<str>>,
}

/// Why a message is not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Unread {
    /// It is of another form: of an instance of another version.
    #[error("it is of version {0}")]
    OtherVersion(u64),
    /// It is none of clawgate's.
    #[error("{0}")]
    Malformed(String),
}

#[derive(Serialize)]
struct Written<'a> {
    v: u64,
    #[serde(flatten)]
    message: &'a PeerMessage,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

impl PeerMessage {
    /// The message in bytes.
    pub(super) fn write(&self) -> Bytes {
        // Nothing of a message can fail: its maps have texts as keys.
        serde_json::to_vec(&Written { v: VERSION, message: self }).unwrap_or_default().into()
    }

    /// Reads [`Self::write`].
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn read(message: &[u8]) -> Result<Self, Unread> {
        let malformed = |error: serde_json::Error| Unread::Malformed(error.to_string());
        let Version { v } = serde_json::from_slice(message).map_err(malformed)?;
        if v != VERSION {
            return Err(Unread::OtherVersion(v));
        }
        serde_json::from_slice(message).map_err(malformed)
    }
}

impl AnsweredEvent {
    /// What the upstream has answered to event `id`. It is left out if it is too large to be told.
    pub(super) fn new(id: EventId, answered: Option<&Answered>) -> Self {
        let answer = answered.filter(|answered| {
            let fields = &answered.headers;
            let sizes = fields.iter().map(|(name, value)| name.as_str().len() + value.len());
            fields.len() <= MOST_FIELDS
                && sizes.sum::<usize>() <= LARGEST_FIELDS
                && answered.body.len() <= LARGEST_BODY
        });
        Self { event: id.to_string(), answer: answer.map(Answer::of) }
    }

    /// The event and the answer, which is fit to be passed on.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn into_answer(self) -> Result<(EventId, Option<Answered>), Unread> {
        let malformed = |what: &str| Unread::Malformed(what.to_owned());
        let id = self.event.parse().map_err(|_| malformed("it has no id of an event"))?;
        let answer = self.answer.map(|answer| {
            answer.into_answered().ok_or_else(|| malformed("it has an answer that is none of HTTP"))
        });
        Ok((id, answer.transpose()?))
    }
}

impl Answer {
    fn of(answered: &Answered) -> Self {
        let text = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
        let fields = answered.headers.iter();
        Self {
            status: answered.status.as_u16(),
            headers: fields.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
            body: BASE64.encode(&answered.body),
        }
    }

    fn into_answered(self) -> Option<Answered> {
        // A status below 200 is no answer.
        let status = StatusCode::from_u16(self.status).ok().filter(|status| status.as_u16() >= 200)?;
        if self.headers.len() > MOST_FIELDS {
            return None;
        }
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let value: Option<Vec<u8>> =
                value.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect();
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.append(name, HeaderValue::from_bytes(&value?).ok()?);
        }
        // As they were removed from what the upstream has sent.
        remove_hop_by_hop(&mut headers);
        headers.remove(header::CONTENT_LENGTH);
        let body = BASE64.decode(self.body.as_bytes()).ok()?;
        Some(Answered { status, headers, body: body.into() })
    }
}

impl DelivererState {
    /// Of this instance, which delivers.
    pub(super) fn new(
        deliverer: Instance,
        upstreams: Vec<UpstreamState>,
        paused: impl Iterator<Item = Arc<str>>,
    ) -> Self {
        Self { deliverer, upstreams, paused: paused.collect() }
    }

    /// The instance, the upstreams and the paused routes, fit to be shown.
    pub(super) fn into_parts(self) -> (Instance, Vec<UpstreamState>, Vec<Arc<str>>) {
        let Self { mut deliverer, mut upstreams, paused } = self;
        deliverer.host = plain(&deliverer.host);
        for upstream in &mut upstreams {
            upstream.upstream = plain(&upstream.upstream).into();
            upstream.paused.iter_mut().for_each(make_plain);
            for route in &mut upstream.routes {
                route.route = plain(&route.route).into();
                route.hint = plain(&route.hint);
                make_plain(&mut route.pause);
            }
        }
        (deliverer, upstreams, paused)
    }
}

fn make_plain(pause: &mut Pause) {
    pause.detail = plain(&pause.detail);
}

/// The text with a mark in place of each character that deceives a reader or a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|char| if deceives(char) { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::dispatch::PausedRoute;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn id() -> EventId {
        EventId::new(NOW, [7; 10])
    }

    fn answered(headers: HeaderMap, body: &[u8]) -> Answered {
        Answered { status: StatusCode::CREATED, headers, body: Bytes::copy_from_slice(body) }
    }

    /// What another instance gets of an answer.
    fn told(answered: &Answered) -> Option<Answered> {
        let written = PeerMessage::Answered(AnsweredEvent::new(id(), Some(answered))).write();
        let Ok(PeerMessage::Answered(read)) = PeerMessage::read(&written) else { panic!("{written:?}") };
        let (event, answer) = read.into_answer().unwrap();
        assert_eq!(event, id());
        answer
    }

    /// Reads an answer with this status and these header fields.
    fn read(status: u16, headers: &Value) -> Result<(EventId, Option<Answered>), Unread> {
        let answer = json!({ "status": status, "headers": headers, "body": "e30=" });
        let of = json!({ "event": id().to_string(), "answer": answer });
        let message = json!({ "v": 1, "type": "answered", "of": of }).to_string();
        let Ok(PeerMessage::Answered(read)) = PeerMessage::read(message.as_bytes()) else { panic!() };
        read.into_answer()
    }

    #[test]
    fn an_answer_arrives_as_it_was_byte_for_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        let value = HeaderValue::from_bytes(&bytes[128..]).unwrap();
        let mut headers = HeaderMap::from_iter([(HeaderName::from_static("x-of"), value)]);
        headers.append("set-cookie", HeaderValue::from_static("a"));
        headers.append("set-cookie", HeaderValue::from_static("b"));

        let read = told(&answered(headers.clone(), &bytes)).unwrap();

        assert_eq!((read.status, read.headers, &*read.body), (StatusCode::CREATED, headers, &*bytes));
    }

    #[test]
    fn of_an_answer_that_is_too_large_only_its_end_is_told() {
        assert!(told(&answered(HeaderMap::new(), &vec![0; LARGEST_BODY])).is_some());
        assert!(told(&answered(HeaderMap::new(), &vec![0; LARGEST_BODY + 1])).is_none());
        let long = HeaderValue::try_from("x".repeat(LARGEST_FIELDS)).unwrap();
        let headers = HeaderMap::from_iter([(header::WARNING, long)]);
        assert!(told(&answered(headers, b"")).is_none());
    }

    #[test]
    fn header_fields_about_the_connection_are_removed_from_an_answer() {
        let fields =
            json!([["connection", "x-hop"], ["x-hop", "1"], ["content-length", "9"], ["x-of", "1"]]);
        let (_, answer) = read(200, &fields).unwrap();
        let headers = answer.unwrap().headers;
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-of"]);
    }

    #[test]
    fn what_is_no_answer_of_http_is_refused() {
        let many: Vec<_> = (0..=MOST_FIELDS).map(|_| ("a", "b")).collect();
        for (status, fields) in [
            (101, json!([])),
            (1000, json!([])),
            (200, json!([["a b", "c"]])),
            (200, json!([["a", "c\r\nd: e"]])),
            (200, json!([["a", "\u{100}"]])),
            (200, json!(many)),
        ] {
            assert!(matches!(read(status, &fields), Err(Unread::Malformed(_))), "{status} {fields}");
        }
    }

    #[test]
    fn the_state_of_the_instance_that_delivers_arrives_as_it_was() {
        let pause = Pause {
            detail: "it answered 503".to_owned(),
            since: NOW + Duration::from_millis(1),
            until: NOW + Duration::from_secs(9),
        };
        let route = PausedRoute {
            route: "/a".into(),
            class: "misconfigured",
            pause: pause.clone(),
            hint: "set the token".to_owned(),
        };
        let upstream =
            UpstreamState { upstream: "http://a".into(), paused: Some(pause), routes: vec![route] };
        let (instance, paused) = (Instance { host: "claw-1".to_owned(), pid: 7 }, [Arc::from("/a")]);
        let state =
            DelivererState::new(instance.clone(), vec![upstream.clone()], paused.clone().into_iter());

        let Ok(PeerMessage::State(read)) = PeerMessage::read(&PeerMessage::State(state).write()) else {
            panic!()
        };

        assert_eq!(read.into_parts(), (instance, vec![upstream], paused.to_vec()));
    }

    #[test]
    fn the_state_has_no_characters_that_deceive_a_terminal() {
        let instance = Instance { host: "\u{1b}[2Jclaw".to_owned(), pid: 7 };
        let (instance, _, _) = DelivererState::new(instance, Vec::new(), [].into_iter()).into_parts();
        assert_eq!(instance.host, "\u{fffd}[2Jclaw");
    }

    #[test]
    fn what_is_to_be_resumed_arrives_as_it_was() {
        for paused in [Paused::All, Paused::Upstream("a".to_owned()), Paused::Route("/a".to_owned())] {
            let message = PeerMessage::Resume(paused);
            assert_eq!(PeerMessage::read(&message.write()), Ok(message));
        }
    }

    #[test]
    fn a_message_of_another_version_is_no_mistake_and_anything_else_is_one() {
        let newer = br#"{"v":2,"type":"resume","of":"everything"}"#;
        assert_eq!(PeerMessage::read(newer), Err(Unread::OtherVersion(2)));
        for message in ["", "{}", "[1]", "{\"v\":1}", "{\"v\":1,\"type\":\"other\",\"of\":1}", "\u{0}"] {
            let read = PeerMessage::read(message.as_bytes());
            assert!(matches!(read, Err(Unread::Malformed(_))), "{message}: {read:?}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_of_http_arrives_as_it_was(
            status in 200u16..1000,
            values in prop::collection::vec(prop::collection::vec(prop_oneof![32u8..127, 128u8..], 0..20), 0..9),
            body in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut answer = answered(HeaderMap::new(), &body);
            answer.status = StatusCode::from_u16(status).unwrap();
            for value in values {
                answer.headers.append("x-of", HeaderValue::from_bytes(&value).unwrap());
            }

            let read = told(&answer).unwrap();

            prop_assert_eq!((read.status, read.headers, read.body), (answer.status, answer.headers, answer.body));
        }

        #[test]
        fn a_message_that_is_cut_or_changed_is_read_or_refused(
            cut in 0usize..300, changed in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let fields = HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("x"))]);
            let answer = AnsweredEvent::new(id(), Some(&answered(fields, b"body")));
            let mut message = PeerMessage::Answered(answer).write().to_vec();
            *changed.get_mut(&mut message) = byte;
            message.truncate(cut);
            if let Ok(PeerMessage::Answered(read)) = PeerMessage::read(&message) {
                let _ = read.into_answer();
            }
        }
    }
}
