//! What the messages of the stream say. A header field has what the index needs, as JSON; the payload has the rest.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::inbox::encode::{digest, head, millis, request, time, whole_millis};
use crate::inbox::{Attempt, DeadReason, EventId, NewEvent, StoredRequest};

/// The header field.
pub(super) const FIELD: &str = "Clawgate";
/// The form of the messages. A clawgate that does not know it must not touch them.
const VERSION: u8 = 1;
/// How many tries of one event are kept.
const MAX_TRIES: usize = 100;

/// What `NAME.event.MARK` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EventHead {
    #[serde(rename = "v")]
    pub(super) version: u8,
    #[serde(with = "id_text")]
    pub(super) id: EventId,
    pub(super) route: Arc<str>,
    pub(super) principal: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Box<str>>,
    pub(super) idempotency_key: Box<str>,
    /// Milliseconds since 1970.
    pub(super) received: i64,
    /// What tells two requests with the same key apart.
    #[serde(with = "digest_text")]
    pub(super) digest: [u8; 16],
    /// Bytes of the body.
    pub(super) size: u64,
    /// Set when the request is not stored any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<Ended>,
}

/// What has become of an event whose request was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) how: How,
    /// The place of the event in the order of arrival.
    pub(super) seq: u64,
    /// Milliseconds since 1970.
    pub(super) at: i64,
    pub(super) tries: u32,
    pub(super) replays: u32,
}

/// How an event has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum How {
    /// The upstream has accepted it.
    Delivered,
    /// An operator has removed it, or it was dead for long. A repetition is still recognised.
    Dropped,
    /// Nothing is remembered. The message only tells the other processes, and is removed soon.
    Forgotten,
}

/// What `NAME.state.MARK` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StateHead {
    #[serde(rename = "v")]
    pub(super) version: u8,
    #[serde(with = "id_text")]
    pub(super) id: EventId,
    pub(super) state: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next_at: Option<i64>,
    pub(super) waiting_since: i64,
    pub(super) attempts: u32,
    pub(super) tries: u32,
    pub(super) replays: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) batch: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<i64>,
    /// Whether its request is about to be removed, so that nobody may let it wait again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) is_removed: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What has become of an event whose request is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// It waits for its delivery.
    Waiting,
    /// It is delivered, and `keep_bodies` is set.
    Delivered,
    /// It is not tried again.
    Dead(#[serde(with = "reason_text")] DeadReason),
}

/// What `NAME.right` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RightHead {
    #[serde(rename = "v")]
    pub(super) version: u8,
    /// The process that delivers; `None`: it has given up the right.
    pub(super) holder: Option<Box<str>>,
}

/// A head that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is of another form.
    #[error("a message of the stream is of version {0}: it is of a newer clawgate")]
    Newer(u64),
    /// It is none of clawgate's, or damaged.
    #[error("a message of the stream is none of clawgate's, or damaged")]
    Foreign,
}

impl EventHead {
    /// Of a new event.
    pub(super) fn new(event: &NewEvent, idempotency_key: &str) -> Self {
        Self {
            version: VERSION,
            id: event.id,
            route: Arc::clone(&event.route),
            principal: Arc::clone(&event.principal),
            key: event.key.as_deref().map(Box::from),
            idempotency_key: Box::from(idempotency_key),
            received: millis(event.received),
            digest: digest(&event.request),
            size: u64::try_from(event.request.body.len()).unwrap_or(u64::MAX),
            ended: None,
        }
    }
}

impl StateHead {
    /// Of an event that waits since it was received.
    pub(super) fn of_new(event: &EventHead) -> Self {
        Self {
            version: VERSION,
            id: event.id,
            state: Phase::Waiting,
            next_at: None,
            waiting_since: event.received,
            attempts: 0,
            tries: 0,
            replays: 0,
            batch: None,
            ended: None,
            is_removed: false,
        }
    }
}

impl RightHead {
    /// The right of this process; `None`: of none.
    pub(super) fn of(holder: Option<&str>) -> Self {
        Self { version: VERSION, holder: holder.map(Box::from) }
    }
}

/// The header field for a head.
pub(super) fn write<T: Serialize>(head: &T) -> String {
    // Nothing of a head can fail: it has strings, numbers and no maps.
    serde_json::to_string(head).unwrap_or_default()
}

/// The head of a header field.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    match serde_json::from_str::<Version>(text) {
        Ok(Version { v }) if v > u64::from(VERSION) => return Err(Unreadable::Newer(v)),
        Ok(_) => {}
        Err(_) => return Err(Unreadable::Foreign),
    }
    serde_json::from_str(text).map_err(|_| Unreadable::Foreign)
}

/// The payload with a request: the length of its head in four bytes, the head, the body.
pub(super) fn write_request(request: &StoredRequest) -> Bytes {
    let head = head(request);
    let mut payload = BytesMut::with_capacity(4 + head.len() + request.body.len());
    payload.put_u32(u32::try_from(head.len()).unwrap_or(u32::MAX));
    payload.put_slice(&head);
    payload.put_slice(&request.body);
    payload.freeze()
}

/// The request of a payload; `None` if it has none.
pub(super) fn read_request(payload: &Bytes) -> Option<StoredRequest> {
    let length = payload.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))?;
    let end = usize::try_from(length).ok()?.checked_add(4)?;
    let head = payload.get(4..end)?;
    request(head, payload.slice(end..))
}

#[derive(Serialize, Deserialize)]
struct Try {
    at: i64,
    took: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

/// The payload with the tries of an event; the oldest are left out if there are many.
pub(super) fn write_tries(tries: &[Attempt]) -> Bytes {
    let last = &tries[tries.len().saturating_sub(MAX_TRIES)..];
    let tries: Vec<_> = last
        .iter()
        .map(|attempt| Try {
            at: millis(attempt.at),
            took: whole_millis(attempt.took),
            status: attempt.status,
            error: attempt.error.clone(),
            answer: attempt.answer.clone(),
        })
        .collect();
    serde_json::to_vec(&tries).unwrap_or_default().into()
}

/// The tries of a payload; none if it has none.
pub(super) fn read_tries(payload: &[u8]) -> Vec<Attempt> {
    let tries: Vec<Try> = serde_json::from_slice(payload).unwrap_or_default();
    let attempt = |stored: Try| Attempt {
        at: time(stored.at),
        took: Duration::from_millis(u64::try_from(stored.took).unwrap_or(0)),
        status: stored.status,
        error: stored.error,
        answer: stored.answer,
    };
    tries.into_iter().map(attempt).collect()
}

mod id_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::inbox::EventId;

    pub(super) fn serialize<S: Serializer>(id: &EventId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EventId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

mod digest_text {
    use data_encoding::HEXLOWER;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(digest: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
        let bytes = HEXLOWER.decode(String::deserialize(deserializer)?.as_bytes());
        let digest = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        digest.ok_or_else(|| de::Error::custom("it is no digest"))
    }
}

mod reason_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use crate::inbox::DeadReason;

    pub(super) fn serialize<S: Serializer>(
        reason: &DeadReason,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(reason.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DeadReason, D::Error> {
        let text = String::deserialize(deserializer)?;
        DeadReason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| de::Error::custom("it is no reason"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inbox::StoredRequest;

    fn stored() -> StoredRequest {
        StoredRequest {
            method: http::Method::POST,
            target: http::Uri::from_static("/hooks/a?x=1"),
            headers: http::HeaderMap::new(),
            body: "{}".into(),
        }
    }

    #[test]
    fn a_form_of_a_newer_clawgate_is_told_apart_from_what_is_none() {
        assert_eq!(read::<RightHead>(r#"{"v":2,"holder":7}"#), Err(Unreadable::Newer(2)));
        for text in ["", "7", "{}", r#"{"v":1,"holder":7}"#] {
            assert_eq!(read::<RightHead>(text), Err(Unreadable::Foreign), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_payload_that_is_cut_or_changed_is_a_request_or_none(
            cut in 0usize..200, changed in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let whole = write_request(&stored());
            prop_assert!(read_request(&whole).is_some());
            let mut payload = whole.to_vec();
            *changed.get_mut(&mut payload) = byte;
            payload.truncate(cut);
            let _ = read_request(&payload.into());
        }
    }
}
