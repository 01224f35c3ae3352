use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clawgate::inbox::{DeadReason, Due, EventState, Store, Then};

use crate::inbox::store::support::{due, due_at, event, for_route, from_now, keys, outcome};

pub async fn a_stored_event_is_due_with_everything_that_was_stored(store: Arc<dyn Store>) {
    let stored = event("k");
    store.append(stored.clone()).await.unwrap();

    let due = due(&*store).await;

    let [due] = &due[..] else { panic!("{due:?}") };
    assert_eq!(due.id, stored.id);
    assert_eq!((&due.route, &due.principal, &due.key), (&stored.route, &stored.principal, &stored.key));
    assert_eq!(due.idempotency_key, stored.idempotency_key);
    assert_eq!(due.request, stored.request);
    assert_eq!((due.attempts, due.tries), (0, 0));
    let lost = stored.received.duration_since(due.received).unwrap();
    assert!(lost < Duration::from_millis(1), "{lost:?}");
    assert_eq!(due.waiting_since, due.received);
}

pub async fn events_are_due_in_the_order_of_arrival(store: Arc<dyn Store>) {
    for key in ["1", "2", "3"] {
        let mut event = event(key);
        // The clock was set back.
        event.received -= Duration::from_secs(3_600 * key.parse::<u64>().unwrap());
        store.append(event).await.unwrap();
    }

    let due = due(&*store).await;

    assert_eq!(keys(&due), ["1", "2", "3"]);
    assert!(due.is_sorted_by_key(|event| event.seq));
}

pub async fn events_of_other_routes_are_not_due(store: Arc<dyn Store>) {
    store.append(for_route("/hooks/b", event("b"))).await.unwrap();

    assert!(due(&*store).await.is_empty());
}

pub async fn an_event_under_way_is_not_due(store: Arc<dyn Store>) {
    for key in ["1", "2"] {
        store.append(event(key)).await.unwrap();
    }
    let first = due(&*store).await.remove(0);

    let question = Due { except: vec![first.seq], ..due_at(SystemTime::now(), 1) };
    let others = store.due(question.clone()).await.unwrap();
    let strict = store.due(Due { strict: true, ..question }).await.unwrap();

    assert_eq!(keys(&others), ["2"]);
    assert!(strict.is_empty());
}

pub async fn at_most_the_wanted_number_is_due(store: Arc<dyn Store>) {
    for key in ["1", "2", "3"] {
        store.append(event(key)).await.unwrap();
    }

    assert_eq!(keys(&store.due(due_at(SystemTime::now(), 2)).await.unwrap()), ["1", "2"]);
    assert!(store.due(due_at(SystemTime::now(), 0)).await.unwrap().is_empty());
}

pub async fn an_event_that_is_tried_again_is_not_due_before_its_time(store: Arc<dyn Store>) {
    store.append(event("k")).await.unwrap();
    let first = due(&*store).await.remove(0);
    let then = Then::Retry { at: from_now(100), counts: true };
    store.record(vec![outcome(&first, 500, then)]).await.unwrap();

    assert!(due(&*store).await.is_empty());
    let later = store.due(due_at(from_now(101), 10)).await.unwrap();

    assert_eq!(keys(&later), ["k"]);
    assert_eq!((later[0].attempts, later[0].tries), (1, 1));
}

pub async fn an_event_that_is_tried_again_does_not_hold_up_the_others(store: Arc<dyn Store>) {
    for key in ["1", "2"] {
        store.append(event(key)).await.unwrap();
    }
    let first = due(&*store).await.remove(0);
    let then = Then::Retry { at: from_now(100), counts: true };
    store.record(vec![outcome(&first, 500, then)]).await.unwrap();

    assert_eq!(keys(&due(&*store).await), ["2"]);
    let later = store.due(due_at(from_now(101), 10)).await.unwrap();
    assert_eq!(keys(&later), ["2", "1"], "in the order of the times since when they may be tried");
}

pub async fn in_strict_order_the_first_event_holds_up_the_others(store: Arc<dyn Store>) {
    for key in ["1", "2"] {
        store.append(event(key)).await.unwrap();
    }
    let strict = |now| Due { strict: true, ..due_at(now, 10) };
    let first = store.due(strict(SystemTime::now())).await.unwrap();
    assert_eq!(keys(&first), ["1"]);
    let then = Then::Retry { at: from_now(100), counts: true };
    store.record(vec![outcome(&first[0], 500, then)]).await.unwrap();

    assert!(store.due(strict(SystemTime::now())).await.unwrap().is_empty());
    assert_eq!(keys(&store.due(strict(from_now(101))).await.unwrap()), ["1"]);
    let then = Then::Dead(DeadReason::TooManyAttempts);
    store.record(vec![outcome(&first[0], 500, then)]).await.unwrap();
    assert_eq!(keys(&store.due(strict(SystemTime::now())).await.unwrap()), ["2"]);
}

pub async fn tries_that_do_not_count_are_kept_but_not_counted(store: Arc<dyn Store>) {
    store.append(event("k")).await.unwrap();
    let first = due(&*store).await.remove(0);
    for _ in 0..3 {
        let then = Then::Retry { at: SystemTime::now(), counts: false };
        store.record(vec![outcome(&first, 503, then)]).await.unwrap();
    }

    let again = store.due(due_at(from_now(1), 1)).await.unwrap().remove(0);

    assert_eq!((again.attempts, again.tries), (0, 3));
    let detail = store.get(again.id).await.unwrap().unwrap();
    assert_eq!(detail.attempts.len(), 3);
    assert_eq!(detail.attempts[2].status, Some(503));
    assert_eq!(detail.attempts[2].answer.as_deref(), Some("no"));
}

pub async fn a_delivered_event_is_not_due_any_more_and_its_request_is_removed(store: Arc<dyn Store>) {
    store.append(event("k")).await.unwrap();
    let event = due(&*store).await.remove(0);
    store.record(vec![outcome(&event, 200, Then::Delivered)]).await.unwrap();

    assert!(due(&*store).await.is_empty());
    let detail = store.get(event.id).await.unwrap().unwrap();
    assert_eq!(detail.summary.state, EventState::Delivered);
    assert!(detail.summary.ended.is_some());
    assert_eq!(detail.request, None);
    assert_eq!(detail.attempts[0].status, Some(200));
}

pub async fn a_dead_event_is_not_due_any_more_and_keeps_its_request(store: Arc<dyn Store>) {
    store.append(event("k")).await.unwrap();
    let event = due(&*store).await.remove(0);
    store.record(vec![outcome(&event, 422, Then::Dead(DeadReason::Rejected))]).await.unwrap();

    assert!(due(&*store).await.is_empty());
    let detail = store.get(event.id).await.unwrap().unwrap();
    assert_eq!(detail.summary.state, EventState::Dead);
    assert_eq!(detail.summary.reason, Some(DeadReason::Rejected));
    assert_eq!(detail.request, Some(event.request));
}

pub async fn a_time_that_only_a_wrong_clock_can_have_set_is_due(store: Arc<dyn Store>) {
    store.append(event("k")).await.unwrap();
    let first = due(&*store).await.remove(0);
    let tomorrow = from_now(24 * 3_600);
    let then = Then::Retry { at: tomorrow, counts: true };
    store.record(vec![outcome(&first, 500, then)]).await.unwrap();

    assert_eq!(keys(&due(&*store).await), ["k"]);
    let next = store.next().await.unwrap().remove(0);
    assert!(next.at <= SystemTime::now() && next.first_at <= SystemTime::now(), "{next:?}");
}

pub async fn the_next_times_of_a_route_are_those_of_its_earliest_and_its_first_event(
    store: Arc<dyn Store>,
) {
    assert!(store.next().await.unwrap().is_empty());
    for key in ["1", "2"] {
        store.append(event(key)).await.unwrap();
    }
    let events = due(&*store).await;
    let (late, early) = (from_now(100), from_now(50));
    let outcomes = vec![
        outcome(&events[0], 500, Then::Retry { at: late, counts: true }),
        outcome(&events[1], 500, Then::Retry { at: early, counts: true }),
    ];
    store.record(outcomes).await.unwrap();

    let next = store.next().await.unwrap();

    let [next] = &next[..] else { panic!("{next:?}") };
    assert_eq!(&*next.route, "/hooks/a");
    let is_near = |a: SystemTime, b: SystemTime| b.duration_since(a).unwrap() < Duration::from_millis(1);
    assert!(is_near(next.at, early) && is_near(next.first_at, late), "{next:?}");
}

pub async fn those_who_wait_for_changes_learn_of_a_new_event(store: Arc<dyn Store>) {
    let mut changed = store.changed();
    changed.mark_unchanged();
    store.append(event("k")).await.unwrap();

    tokio::time::timeout(Duration::from_secs(5), changed.changed()).await.unwrap().unwrap();
}

pub async fn only_one_store_may_deliver(store: Arc<dyn Store>) {
    assert_eq!(store.may_deliver().await, Ok(true));
    assert_eq!(store.may_deliver().await, Ok(true), "it stays so");
    store.stop_delivering().await.unwrap();
    assert_eq!(store.may_deliver().await, Ok(true), "nobody else took it");
}
