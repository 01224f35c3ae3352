//! Events that are sent together.

use std::sync::Arc;

use clawgate::inbox::{DeadReason, Event, Filter, Store, Then};

use super::super::support::{due, event, from_now, keys, outcome};

async fn stored(store: &dyn Store, keys: &[&str]) -> Vec<Event> {
    for key in keys {
        store.append(event(key)).await.unwrap();
    }
    due(store).await
}

async fn assign(store: &dyn Store, events: &[Event]) -> i64 {
    let batch = events[0].seq;
    store.assign_batch(events.iter().map(|event| event.id).collect(), batch).await.unwrap();
    batch
}

async fn batch(store: &dyn Store, batch: i64) -> Vec<Event> {
    store.batch(Arc::from("/hooks/a"), batch).await.unwrap()
}

pub async fn the_events_of_a_batch_are_found_by_its_number_and_others_are_in_none(
    store: Arc<dyn Store>,
) {
    let events = stored(&*store, &["a", "b", "c", "d"]).await;

    let number = assign(&*store, &events[1..3]).await;

    assert_eq!(keys(&batch(&*store, number).await), ["b", "c"]);
    let numbers: Vec<_> = due(&*store).await.iter().map(|event| event.batch).collect();
    assert_eq!(numbers, [None, Some(number), Some(number), None]);
}

pub async fn a_batch_keeps_its_events_while_they_are_tried_again(store: Arc<dyn Store>) {
    let events = stored(&*store, &["a", "b"]).await;
    let number = assign(&*store, &events).await;

    let retry = Then::Retry { at: from_now(60), counts: true };
    let outcomes = events.iter().map(|event| outcome(event, 500, retry)).collect();
    store.record(outcomes).await.unwrap();

    assert_eq!(keys(&batch(&*store, number).await), ["a", "b"]);
}

pub async fn half_of_a_batch_becomes_another_batch(store: Arc<dyn Store>) {
    let events = stored(&*store, &["a", "b", "c"]).await;
    let first = assign(&*store, &events).await;

    let second = assign(&*store, &events[1..]).await;

    assert_eq!(keys(&batch(&*store, first).await), ["a"]);
    assert_eq!(keys(&batch(&*store, second).await), ["b", "c"]);
}

pub async fn an_event_that_does_not_wait_any_more_is_in_no_batch(store: Arc<dyn Store>) {
    let events = stored(&*store, &["a", "b", "c"]).await;
    let number = assign(&*store, &events).await;

    let delivered = outcome(&events[0], 200, Then::Delivered);
    let dead = outcome(&events[1], 400, Then::Dead(DeadReason::Rejected));
    store.record(vec![delivered, dead]).await.unwrap();
    assert_eq!(keys(&batch(&*store, number).await), ["c"]);

    let all = Filter { ids: vec![events[1].id], ..Filter::default() };
    store.replay(all, 1).await.unwrap();
    assert_eq!(keys(&batch(&*store, number).await), ["c"]);
}
