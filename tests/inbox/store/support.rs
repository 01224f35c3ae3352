//! What the tests of stores share.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clawgate::inbox::{
    Attempt, Due, Event, EventId, InboxSettings, NewEvent, OnCorrupt, OpenError, Opened, Outcome,
    SqliteStore, Store, StorePlace, StoredRequest, Then,
};
use http::{HeaderMap, HeaderValue, Method, Uri};

/// Settings for a database in a folder of the test.
pub fn settings(folder: &Path) -> InboxSettings {
    InboxSettings {
        place: StorePlace::Sqlite { path: folder.join("inbox.db") },
        max_events: 1_000,
        max_bytes: 1024 * 1024 * 1024,
        min_free: 0,
        retain: Duration::from_secs(60),
        retain_dead: Duration::from_secs(60),
        keep_bodies: false,
        retry_first: Duration::from_secs(1),
        retry_max: Duration::from_secs(300),
        on_corrupt: OnCorrupt::SetAside,
    }
}

/// A new database in this folder, or the one that is there.
pub fn open(folder: &Path) -> SqliteStore {
    open_with(&settings(folder)).unwrap().0
}

/// The database that these settings name.
pub fn open_with(settings: &InboxSettings) -> Result<(SqliteStore, Opened), OpenError> {
    SqliteStore::open(settings.place.database().unwrap(), settings)
}

/// An event with this key, of one sender, for `/hooks/a`.
pub fn event(key: &str) -> NewEvent {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    random[0] = u8::try_from(std::process::id() & 0xff).unwrap();
    let now = SystemTime::now();
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("hooks.example.org"));
    NewEvent {
        id: EventId::new(now, random),
        route: Arc::from("/hooks/a"),
        principal: Arc::from("certificate:spiffe://example.org/sender"),
        key: Some(key.to_owned()),
        idempotency_key: format!("cg-/hooks/a-{key}"),
        received: now,
        request: StoredRequest {
            method: Method::POST,
            target: Uri::from_static("/hooks/a?x=1"),
            headers,
            body: Bytes::from(format!("{{\"key\":\"{key}\"}}")),
        },
    }
}

/// The same event for another route.
pub fn for_route(route: &str, event: NewEvent) -> NewEvent {
    NewEvent { route: Arc::from(route), ..event }
}

/// The same event with another body.
pub fn with_body(body: &[u8], mut event: NewEvent) -> NewEvent {
    event.request.body = Bytes::copy_from_slice(body);
    event
}

/// Asks for events of `/hooks/a` that are due at this time.
pub fn due_at(now: SystemTime, limit: usize) -> Due {
    Due { route: Arc::from("/hooks/a"), now, strict: false, except: Vec::new(), limit }
}

/// The events of `/hooks/a` that are due, at most 100.
pub async fn due(store: &dyn Store) -> Vec<Event> {
    store.due(due_at(SystemTime::now(), 100)).await.unwrap()
}

/// The keys of events.
pub fn keys(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.key.as_deref().unwrap()).collect()
}

/// What has become of a try of this event, just now.
pub fn outcome(event: &Event, status: u16, then: Then) -> Outcome {
    // Two tries of one event are told apart by their times.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let took = Duration::from_millis(12 + COUNT.fetch_add(1, Ordering::Relaxed) % 100);
    let attempt = Attempt {
        at: SystemTime::now().checked_sub(took).unwrap(),
        took,
        status: Some(status),
        error: None,
        answer: (status >= 300).then(|| "no".to_owned()),
    };
    Outcome { seq: event.seq, attempt: Some(attempt), then }
}

/// A time this far from now.
pub fn from_now(seconds: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(seconds)
}
