//! What is stored: an event, its request, and the tries to deliver it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use thiserror::Error;
use uuid::Uuid;

use crate::telemetry::trace::TraceContext;

/// The identifier of an event: a UUID of version 7 (RFC 9562 section 5.7), so that later events have greater ones. It does not
/// decide the order of delivery, since the clock may be set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

/// A text that is not the identifier of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it is not the id of an event: those look like 0198f2c4-7d5a-7c3e-9b1d-2f6a8e4c0b17")]
pub struct InvalidEventId;

impl EventId {
    /// The identifier for an event that was received at `now`, with `random` bytes.
    pub fn new(now: SystemTime, random: [u8; 10]) -> Self {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The 16 bytes of the UUID.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From the 16 bytes of the UUID.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidEventId)
    }
}

/// A request as it is stored: what its upstream is to see, without credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRequest {
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub target: Uri,
    /// Its header fields, sanitized, with the verified identity of the client. `Host` is among them; `Content-Length` and
    /// what is set anew at each try are not.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl StoredRequest {
    /// The trace that it belongs to, if its sender has named one: with a new span of clawgate's.
    pub fn trace(&self) -> Option<TraceContext> {
        self.headers.get("traceparent").and_then(|value| TraceContext::parse(value.to_str().ok()?))
    }
}

/// An event that is to be stored.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its identifier.
    pub id: EventId,
    /// The path of its route, as the settings have it.
    pub route: Arc<str>,
    /// What authenticated it, without what changes when a certificate or secret is renewed. One part of what an event is known
    /// by if it comes again.
    pub principal: Arc<str>,
    /// The sender's id of the event: visible ASCII, at most 256 bytes. Without one, no event is a repetition of it.
    pub key: Option<String>,
    /// The `Idempotency-Key` for the upstream, the same at each try: visible ASCII, at most 256 bytes.
    pub idempotency_key: String,
    /// When it was received.
    pub received: SystemTime,
    /// The request.
    pub request: StoredRequest,
}

/// A stored event that waits for its delivery.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place in the order of arrival; unique.
    pub seq: i64,
    /// Its identifier.
    pub id: EventId,
    /// The path of its route.
    pub route: Arc<str>,
    /// What authenticated it.
    pub principal: Arc<str>,
    /// The sender's id of the event.
    pub key: Option<String>,
    /// The `Idempotency-Key` for the upstream. After an operator's replay it ends in `-r1`, `-r2` …
    pub idempotency_key: String,
    /// When it was received.
    pub received: SystemTime,
    /// How many tries were counted before. A try that only showed that the upstream is down is not counted.
    pub attempts: u32,
    /// How many tries there were before, all of them.
    pub tries: u32,
    /// Since when it waits: when it was received or replayed. `give_up_after` counts from here.
    pub waiting_since: SystemTime,
    /// The batch that it is sent in, if it was put into one.
    pub batch: Option<i64>,
    /// The request.
    pub request: StoredRequest,
}

/// What has become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventState {
    /// It waits for its delivery.
    Waiting,
    /// The upstream has accepted it.
    Delivered,
    /// It will not be tried again unless an operator asks for it.
    Dead,
}

impl EventState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// Its word in the log, in metrics and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// Why an event is not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// The upstream refuses this message: 400, 411, 413, 415, 422, 431.
    Rejected,
    /// The upstream does not know the path that the sender chose below the route's.
    UnknownPath,
    /// The upstream refuses the credentials that the sender sent.
    SenderCredentials,
    /// The upstream failed at each of the tries that its answer allows (409, 500).
    TooManyAttempts,
    /// It was not delivered within `give_up_after`.
    TooOld,
    /// The settings have no such route, for longer than `give_up_after`.
    UnknownRoute,
    /// What is stored of its request is damaged.
    Unreadable,
}

impl DeadReason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Rejected,
        Self::UnknownPath,
        Self::SenderCredentials,
        Self::TooManyAttempts,
        Self::TooOld,
        Self::UnknownRoute,
        Self::Unreadable,
    ];

    /// Its word in the log, in metrics and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::UnknownPath => "unknown_path",
            Self::SenderCredentials => "sender_credentials",
            Self::TooManyAttempts => "too_many_attempts",
            Self::TooOld => "too_old",
            Self::UnknownRoute => "unknown_route",
            Self::Unreadable => "unreadable",
        }
    }
}

/// One try to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: SystemTime,
    /// How long it took until the answer, or until it failed.
    pub took: Duration,
    /// The status of the upstream's answer.
    pub status: Option<u16>,
    /// Why there was no answer, or what is wrong with it.
    pub error: Option<String>,
    /// The first 200 bytes of the upstream's answer, escaped; only of one that is not 2xx.
    pub answer: Option<String>,
}

/// An event in a list.
#[derive(Clone, Debug)]
pub struct EventSummary {
    /// Its place in the order of arrival.
    pub seq: i64,
    /// Its identifier.
    pub id: EventId,
    /// The path of its route.
    pub route: String,
    /// What authenticated it.
    pub principal: String,
    /// The sender's id of the event.
    pub key: Option<String>,
    /// What has become of it.
    pub state: EventState,
    /// When it was received.
    pub received: SystemTime,
    /// When it is tried next, for one that waits.
    pub next_at: Option<SystemTime>,
    /// When it was delivered or given up.
    pub ended: Option<SystemTime>,
    /// How many tries there were.
    pub tries: u32,
    /// Why it is dead.
    pub reason: Option<DeadReason>,
    /// Bytes of its body.
    pub size: u64,
}

/// All that is stored of one event.
#[derive(Clone, Debug)]
pub struct EventDetail {
    /// What lists show.
    pub summary: EventSummary,
    /// The `Idempotency-Key` for the upstream.
    pub idempotency_key: String,
    /// The tries, in their order.
    pub attempts: Vec<Attempt>,
    /// The request; `None` when it was removed after the delivery.
    pub request: Option<StoredRequest>,
}
