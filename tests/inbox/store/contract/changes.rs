use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clawgate::inbox::{Appended, DeadReason, EventState, EventSummary, Filter, Store, Then};

use crate::inbox::store::support::{due, event, for_route, from_now, outcome};

fn keys(list: &[EventSummary]) -> Vec<&str> {
    list.iter().map(|summary| summary.key.as_deref().unwrap()).collect()
}

fn key(key: &str) -> Filter {
    Filter { key: Some(key.to_owned()), ..Filter::default() }
}

/// Stores `delivered`, `dead` and `waiting`, which have become what their keys say.
async fn one_of_each(store: &dyn Store) {
    for key in ["delivered", "dead", "waiting"] {
        store.append(event(key)).await.unwrap();
    }
    let events = due(store).await;
    let outcomes = vec![
        outcome(&events[0], 200, Then::Delivered),
        outcome(&events[1], 400, Then::Dead(DeadReason::Rejected)),
    ];
    store.record(outcomes).await.unwrap();
}

pub async fn a_list_has_the_newest_event_first_and_goes_on_after_its_last(store: Arc<dyn Store>) {
    for key in ["1", "2", "3"] {
        store.append(event(key)).await.unwrap();
    }

    let page = store.list(Filter::default(), 2).await.unwrap();
    let rest = Filter { before_seq: Some(page[1].seq), ..Filter::default() };

    assert_eq!(keys(&page), ["3", "2"]);
    assert_eq!(keys(&store.list(rest, 2).await.unwrap()), ["1"]);
}

pub async fn a_filter_means_the_events_that_meet_all_of_its_conditions(store: Arc<dyn Store>) {
    one_of_each(&*store).await;
    let other = for_route("/hooks/b", event("other"));
    store.append(other.clone()).await.unwrap();
    let any = Filter::default;
    let sender = "certificate:spiffe://example.org/sender".to_owned();
    let cases: [(Filter, &[&str]); 10] = [
        (Filter { ids: vec![other.id], ..any() }, &["other"]),
        (Filter { route: Some("/hooks/b".to_owned()), ..any() }, &["other"]),
        (Filter { route: Some("/hooks/c".to_owned()), ..any() }, &[]),
        (Filter { state: Some(EventState::Dead), ..any() }, &["dead"]),
        (Filter { state: Some(EventState::Waiting), ..any() }, &["other", "waiting"]),
        (Filter { principal: Some(sender), ..any() }, &["other", "waiting", "dead", "delivered"]),
        (Filter { reason: Some(DeadReason::Rejected), ..any() }, &["dead"]),
        (Filter { since: Some(from_now(60)), ..any() }, &[]),
        (Filter { until: Some(SystemTime::now() - Duration::from_secs(60)), ..any() }, &[]),
        (Filter { state: Some(EventState::Dead), ..key("waiting") }, &[]),
    ];
    for (filter, expected) in cases {
        let found = store.list(filter.clone(), 10).await.unwrap();
        assert_eq!(keys(&found), expected, "{filter:?}");
    }
}

pub async fn a_replayed_event_waits_again_with_a_new_idempotency_key(store: Arc<dyn Store>) {
    one_of_each(&*store).await;
    let dead = store.list(key("dead"), 1).await.unwrap().remove(0);
    let mut changed = store.changed();
    changed.mark_unchanged();

    let replayed = store.replay(key("dead"), 10).await.unwrap();

    assert_eq!(replayed, [dead.id]);
    tokio::time::timeout(Duration::from_secs(5), changed.changed()).await.unwrap().unwrap();
    let again = due(&*store).await.into_iter().find(|event| event.id == dead.id).unwrap();
    assert_eq!(again.idempotency_key, "cg-/hooks/a-dead-r1");
    assert_eq!((again.attempts, again.tries), (0, 1));
    assert!(again.waiting_since >= again.received);
    let summary = store.get(dead.id).await.unwrap().unwrap().summary;
    assert_eq!((summary.state, summary.reason, summary.ended), (EventState::Waiting, None, None));
}

pub async fn events_that_wait_or_have_no_request_are_not_replayed(store: Arc<dyn Store>) {
    one_of_each(&*store).await;

    let replayed = store.replay(Filter::default(), 10).await.unwrap();

    let dead = store.list(key("dead"), 1).await.unwrap().remove(0);
    assert_eq!(replayed, [dead.id]);
}

pub async fn a_dropped_event_is_gone_but_is_still_recognised(store: Arc<dyn Store>) {
    one_of_each(&*store).await;
    let waiting = store.list(key("waiting"), 1).await.unwrap().remove(0);

    assert_eq!(store.drop_events(key("waiting"), 10).await, Ok(1));

    assert_eq!(store.drop_events(key("waiting"), 10).await, Ok(0), "it is gone");
    assert!(due(&*store).await.is_empty());
    assert!(store.get(waiting.id).await.unwrap().is_none());
    assert!(store.list(key("waiting"), 1).await.unwrap().is_empty());
    let again = store.append(event("waiting")).await;
    assert_eq!(again, Ok(Appended::Duplicate { first: waiting.id }));
    let totals = store.totals().await.unwrap().routes.remove(0);
    assert_eq!((totals.waiting, totals.delivered, totals.dead), (0, 1, 1));
}

pub async fn a_forgotten_event_is_gone_and_is_not_recognised_any_more(store: Arc<dyn Store>) {
    one_of_each(&*store).await;

    assert_eq!(store.forget(Filter::default(), 2).await, Ok(2));
    assert_eq!(store.forget(Filter::default(), 2).await, Ok(1));

    assert!(store.list(Filter::default(), 10).await.unwrap().is_empty());
    assert!(store.totals().await.unwrap().routes.is_empty());
    assert_eq!(store.append(event("delivered")).await, Ok(Appended::New));
}

pub async fn a_dropped_event_can_be_forgotten(store: Arc<dyn Store>) {
    store.append(event("k")).await.unwrap();
    store.drop_events(key("k"), 1).await.unwrap();

    assert_eq!(store.forget(key("k"), 1).await, Ok(1));

    assert_eq!(store.append(event("k")).await, Ok(Appended::New));
}

pub async fn the_outcome_of_an_event_that_was_dropped_meanwhile_changes_nothing(store: Arc<dyn Store>) {
    store.append(event("1")).await.unwrap();
    let under_way = due(&*store).await.remove(0);
    store.forget(key("1"), 1).await.unwrap();
    store.append(event("2")).await.unwrap();

    store.record(vec![outcome(&under_way, 200, Then::Delivered)]).await.unwrap();

    let due = due(&*store).await;
    assert_eq!(due.len(), 1);
    assert_ne!(due[0].seq, under_way.seq, "no place in the order is given twice");
}
