//! An inbox with many events, made without clawgate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clawgate::inbox::{
    DeadReason, EventId, Filter, InboxSettings, NewEvent, OnCorrupt, Outcome, SqliteStore, Store,
    StorePlace, StoredRequest, Then,
};
use http::{HeaderMap, Method};
use tokio::task::JoinSet;

use crate::support::pki::Pki;

/// Stores events of `route` in the inbox of `pki`, the last `dead` of them dead. clawgate must not be running.
pub(super) fn fill(pki: &Pki, route: &str, count: u64, dead: usize) {
    let path = pki.dir().join("inbox").join("inbox.db");
    let settings = InboxSettings {
        place: StorePlace::Sqlite { path: path.clone() },
        max_events: 100_000,
        max_bytes: 1024 * 1024 * 1024,
        min_free: 0,
        retain: Duration::from_secs(3600),
        retain_dead: Duration::from_secs(3600),
        keep_bodies: false,
        retry_first: Duration::from_secs(1),
        retry_max: Duration::from_secs(300),
        on_corrupt: OnCorrupt::SetAside,
    };
    let store = Arc::new(SqliteStore::open(&path, &settings).unwrap().0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut appended = JoinSet::new();
        for _ in 0..count {
            let (store, event) = (Arc::clone(&store), event(route));
            appended.spawn(async move { store.append(event).await.unwrap() });
        }
        appended.join_all().await;
        assert!(store.may_deliver().await.unwrap());
        let filter = Filter { route: Some(route.to_owned()), ..Filter::default() };
        let events = store.list(filter, dead).await.unwrap();
        let outcome = |seq| Outcome { seq, attempt: None, then: Then::Dead(DeadReason::Rejected) };
        store.record(events.iter().map(|event| outcome(event.seq)).collect()).await.unwrap();
        store.stop_delivering().await.unwrap();
    });
}

fn event(route: &str) -> NewEvent {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    let now = SystemTime::now();
    NewEvent {
        id: EventId::new(now, random),
        route: Arc::from(route),
        principal: Arc::from("certificate:spiffe://example.org/a-sender-of-many-events"),
        key: Some(format!("key-{number}")),
        idempotency_key: format!("cg-{number}"),
        received: now,
        request: StoredRequest {
            method: Method::POST,
            target: route.parse().unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"{\"event\":\"of the test\"}"),
        },
    }
}
