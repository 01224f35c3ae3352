//! Tests with a store in memory and an upstream that answers as it is told.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};

use crate::inbox::{Event, EventId, StoredRequest};

/// An event of a route, received now.
pub(super) fn event(route: &str) -> Event {
    let now = SystemTime::now();
    let host = HeaderValue::from_static("hooks.example");
    Event {
        seq: 1,
        id: EventId::new(now, [7; 10]),
        route: Arc::from(route),
        principal: Arc::from("signature:github"),
        key: Some("k-1".to_owned()),
        idempotency_key: "cg-hooks-k-1".to_owned(),
        received: now,
        attempts: 0,
        tries: 0,
        waiting_since: now,
        request: StoredRequest {
            method: Method::POST,
            target: Uri::from_static("/hooks/a?x=1"),
            headers: HeaderMap::from_iter([(header::HOST, host)]),
            body: Bytes::from_static(b"{}"),
        },
    }
}
