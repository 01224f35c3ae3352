//! What happens when there is no room, and how long events are remembered.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use clawgate::inbox::{
    Appended, DeadReason, EventState, Filter, InboxSettings, SqliteStore, Store, StoreError, Then,
};
use tempfile::TempDir;

use super::support::{due, event, open_with, outcome, settings};
use crate::support::private_folder;

fn with(change: impl FnOnce(&mut InboxSettings)) -> (TempDir, SqliteStore) {
    let folder = private_folder();
    let mut settings = settings(folder.path());
    change(&mut settings);
    let store = open_with(&settings).unwrap().0;
    (folder, store)
}

async fn deliver_all(store: &SqliteStore) {
    let outcomes = due(store).await.iter().map(|event| outcome(event, 200, Then::Delivered)).collect();
    store.record(outcomes).await.unwrap();
}

/// Polls with a deadline until so many events are listed.
async fn until_listed(store: &SqliteStore, count: usize) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while store.list(Filter::default(), 1_000).await.unwrap().len() != count {
        assert!(tokio::time::Instant::now() < deadline, "there are never {count} events");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn more_than_max_events_are_refused_until_some_are_delivered() {
    let (_folder, store) = with(|settings| settings.max_events = 2);
    let first = event("1");
    store.append(first.clone()).await.unwrap();
    store.append(event("2")).await.unwrap();

    let third = store.append(event("3")).await;

    let Err(StoreError::Full(why)) = third else { panic!("{third:?}") };
    assert!(why.contains("inbox.max_events"), "{why}");
    assert_eq!(store.append(event("1")).await, Ok(Appended::Duplicate { first: first.id }));
    deliver_all(&store).await;
    assert_eq!(store.append(event("3")).await, Ok(Appended::New));
}

#[tokio::test]
async fn a_database_of_max_bytes_takes_no_more_events() {
    let (_folder, store) = with(|settings| settings.max_bytes = 3 * 1024 * 1024);
    let large = |key: &str| {
        let mut event = event(key);
        event.request.body = Bytes::from(vec![b'x'; 512 * 1024]);
        event
    };
    let mut stored = 0;
    let refusal = loop {
        match store.append(large(&stored.to_string())).await {
            Ok(_) => stored += 1,
            Err(refusal) => break refusal,
        }
    };

    assert!(matches!(&refusal, StoreError::Full(why) if why.contains("inbox.max_bytes")), "{refusal}");
    assert!((2..=6).contains(&stored), "{stored}");
}

#[tokio::test]
async fn with_less_than_min_free_on_the_disk_no_event_is_stored() {
    let (_folder, store) = with(|settings| settings.min_free = u64::MAX / 2);

    let refusal = store.append(event("k")).await;

    assert!(
        matches!(&refusal, Err(StoreError::Full(why)) if why.contains("inbox.min_free")),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn delivered_events_make_room_before_new_ones_are_refused() {
    let (folder, store) = with(|settings| {
        settings.max_bytes = 3 * 1024 * 1024;
        settings.keep_bodies = true;
    });
    let mut event = event("1");
    event.request.body = Bytes::from(vec![b'x'; 400 * 1024]);
    for key in 0..30 {
        let mut next = event.clone();
        next.id = super::support::event("other").id;
        next.key = Some(key.to_string());
        store.append(next).await.unwrap_or_else(|error| panic!("event {key}: {error}"));
        deliver_all(&store).await;
    }

    let remembered = store.list(Filter::default(), 100).await.unwrap().len();
    assert!((1..30).contains(&remembered), "{remembered}");
    let length = fs::metadata(folder.path().join("inbox.db")).unwrap().len();
    assert!(length <= 4 * 1024 * 1024, "{length}");
}

#[tokio::test]
async fn a_delivered_event_is_removed_after_retain() {
    let (folder, store) = with(|_| {});
    store.append(event("1")).await.unwrap();
    store.append(event("2")).await.unwrap();
    let first = due(&store).await.remove(0);
    store.record(vec![outcome(&first, 200, Then::Delivered)]).await.unwrap();
    drop(store);

    let short = InboxSettings { retain: Duration::ZERO, ..settings(folder.path()) };
    let (store, _) = open_with(&short).unwrap();

    until_listed(&store, 1).await;
    assert_eq!(store.append(event("1")).await, Ok(Appended::New));
    let totals = store.totals().await.unwrap().routes.remove(0);
    assert_eq!((totals.waiting, totals.delivered), (2, 0));
}

#[tokio::test]
async fn a_delivered_event_is_not_a_first_one_any_more_after_retain_also_if_it_is_still_there() {
    let (_folder, store) = with(|settings| settings.retain = Duration::from_millis(1));
    // The first search for old events has taken place, the next one is far away.
    tokio::time::sleep(Duration::from_millis(300)).await;
    store.append(event("k")).await.unwrap();
    deliver_all(&store).await;
    tokio::time::sleep(Duration::from_millis(20)).await;

    assert_eq!(store.append(event("k")).await, Ok(Appended::New));
}

#[tokio::test]
async fn a_dead_event_is_removed_after_retain_dead_but_recognised_for_retain() {
    let (folder, store) = with(|_| {});
    let first = event("k");
    store.append(first.clone()).await.unwrap();
    let event_due = due(&store).await.remove(0);
    store.record(vec![outcome(&event_due, 400, Then::Dead(DeadReason::Rejected))]).await.unwrap();
    drop(store);

    let short = InboxSettings { retain_dead: Duration::ZERO, ..settings(folder.path()) };
    let (store, _) = open_with(&short).unwrap();

    until_listed(&store, 0).await;
    assert_eq!(store.append(event("k")).await, Ok(Appended::Duplicate { first: first.id }));
}

#[tokio::test]
async fn an_event_that_waits_is_never_removed() {
    let (folder, store) = with(|_| {});
    store.append(event("k")).await.unwrap();
    drop(store);

    let none = Duration::ZERO;
    let short = InboxSettings { retain: none, retain_dead: none, ..settings(folder.path()) };
    let (store, _) = open_with(&short).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;

    assert_eq!(store.list(Filter::default(), 10).await.unwrap()[0].state, EventState::Waiting);
}

#[tokio::test]
async fn with_keep_bodies_a_delivered_event_can_be_replayed() {
    let (_folder, store) = with(|settings| settings.keep_bodies = true);
    store.append(event("k")).await.unwrap();
    deliver_all(&store).await;

    let replayed = store.replay(Filter::default(), 10).await.unwrap();

    assert_eq!(replayed.len(), 1);
    assert_eq!(due(&store).await[0].idempotency_key, "cg-/hooks/a-k-r1");
}
