//! From the right to deliver to the drain; faults of the store; events that are too old or of unknown routes.

use tokio::sync::Semaphore;

use super::upstream::{OK, Reply, TestUpstream};
use super::*;
use crate::inbox::DeadReason;

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn nothing_is_tried_while_another_process_delivers_and_all_is_once_that_ends() {
    run(async {
        let upstream = TestUpstream::start(|_, _| OK).await;
        let mut running =
            Running::stopped(settings(vec![route(ROUTE, &Arc::new(super::upstream(upstream.address)))]));
        running.store.set_taken(true);
        running.start();
        let id = running.add();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!((upstream.got().len(), running.dispatcher.delivers()), (0, false));
        running.store.set_taken(false);
        running.until(id, EventState::Delivered).await;
        assert!(running.dispatcher.delivers());
    });
}

#[test]
fn a_drain_lets_tries_under_way_end_and_begins_no_others() {
    run(async {
        let permits = Arc::new(Semaphore::new(0));
        let for_script = Arc::clone(&permits);
        let upstream = TestUpstream::start(move |_, _| Reply::Later(Arc::clone(&for_script))).await;
        let mut running = Running::new(upstream.address);
        let first = running.add();
        let second = running.add();
        eventually("the try", || upstream.got().len() == 1).await;
        running.drain.begin();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!running.store.has_stopped(), "a try is under way");
        permits.add_permits(9);

        running.delivery.join_next().await.unwrap().unwrap();

        assert_eq!(running.store.row(first).state, EventState::Delivered);
        assert_eq!(running.store.row(second).state, EventState::Waiting);
        assert_eq!((upstream.got().len(), running.store.has_stopped()), (1, true));
    });
}

#[test]
fn an_event_whose_outcome_cannot_be_stored_is_not_delivered_again() {
    run(async {
        let upstream = TestUpstream::start(|_, _| OK).await;
        let running = Running::new(upstream.address);
        running.store.set_fails(true);
        let id = running.add();
        eventually("the try", || upstream.got().len() == 1).await;
        running.store.add(event(ROUTE));
        eventually("the next one", || upstream.got().len() == 2).await;
        assert_eq!(running.store.row(id).state, EventState::Waiting);
        running.store.set_fails(false);
        running.until(id, EventState::Delivered).await;
        assert_eq!(upstream.got().len(), 2);
    });
}

#[test]
fn only_a_few_more_events_are_tried_while_outcomes_cannot_be_stored() {
    run(async {
        let upstream = TestUpstream::start(|_, _| OK).await;
        let running = Running::changed(upstream.address, |route| route.inbox.concurrency = 3);
        running.store.set_fails(true);
        for _ in 0..60 {
            running.add();
        }
        eventually("3 + 32 tries", || upstream.got().len() == 35).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(upstream.got().len(), 35);
        running.store.set_fails(false);
        eventually("delivery", || running.store.count(EventState::Delivered) == 60).await;
        assert_eq!(upstream.got().len(), 60);
    });
}

#[test]
fn an_old_event_that_failed_before_is_given_up_without_another_try() {
    run(async {
        let upstream = TestUpstream::start(|_, _| OK).await;
        let running = Running::new(upstream.address);
        let mut old = event(ROUTE);
        old.tries = 3;
        old.waiting_since = SystemTime::now() - DAY;
        let id = running.store.add(old);
        running.until(id, EventState::Dead).await;
        let row = running.store.row(id);
        assert_eq!(
            (row.reason, row.tries.len(), upstream.got().len()),
            (Some(DeadReason::TooOld), 0, 0)
        );
    });
}

#[test]
fn an_old_event_that_was_never_tried_is_tried_once() {
    run(async {
        let upstream = TestUpstream::start(|_, _| Reply::Answer(503, "", "")).await;
        let running = Running::new(upstream.address);
        let mut old = event(ROUTE);
        old.waiting_since = SystemTime::now() - DAY;
        let id = running.store.add(old);
        running.until(id, EventState::Dead).await;
        let row = running.store.row(id);
        assert_eq!((row.reason, row.tries.len()), (Some(DeadReason::TooOld), 1));
    });
}

#[test]
fn events_of_an_unknown_route_wait_for_a_day_and_are_dead_then() {
    run(async {
        let running = Running::new(TestUpstream::unused().await);
        let new = running.store.add(event("/gone"));
        let mut old = event("/gone");
        old.waiting_since = SystemTime::now() - DAY;
        let old = running.store.add(old);
        running.until(old, EventState::Dead).await;
        assert_eq!(running.store.row(old).reason, Some(DeadReason::UnknownRoute));
        assert_eq!(running.store.row(new).state, EventState::Waiting);
    });
}

#[test]
fn events_of_a_route_that_a_reload_adds_are_delivered() {
    run(async {
        let upstream = TestUpstream::start(|_, _| OK).await;
        let running = Running::new(upstream.address);
        let id = running.store.add(event("/hooks/new"));
        let first = running.add();
        running.until(first, EventState::Delivered).await;
        assert_eq!(running.store.row(id).state, EventState::Waiting);
        let shared = Arc::new(super::upstream(upstream.address));
        running.routes.replace(settings(vec![route("/hooks/new", &shared)]));
        running.until(id, EventState::Delivered).await;
    });
}

#[test]
fn an_event_that_is_due_later_is_tried_then_though_another_one_takes_long() {
    run(async {
        let permits = Arc::new(Semaphore::new(0));
        let for_script = Arc::clone(&permits);
        let upstream = TestUpstream::start(move |number, got| match (number, &got.body[..]) {
            (_, b"slow") => Reply::Later(Arc::clone(&for_script)),
            (0, _) => Reply::Answer(500, "", ""),
            _ => OK,
        })
        .await;
        let mut target = super::upstream(upstream.address);
        let connector = Connector::new(format!("http://{}", upstream.address).parse().unwrap(), None);
        let second = Duration::from_secs(9);
        let timeouts = Timeouts { connect: second, response: second, idle: second };
        let metrics = Metrics::new().upstream("x");
        target.backend = Backend::Client(Client::new(connector.unwrap(), timeouts, 64, 64, metrics));
        let running = Running::with(settings(vec![route(ROUTE, &Arc::new(target))]));
        let retried = running.add();
        eventually("the first try", || running.store.row(retried).tries.len() == 1).await;
        let mut slow = event(ROUTE);
        slow.request.body = Bytes::from_static(b"slow");
        running.store.add(slow);
        running.until(retried, EventState::Delivered).await;
        permits.add_permits(1);
    });
}
