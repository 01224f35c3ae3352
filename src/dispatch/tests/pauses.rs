//! Pauses, and what is tried during and after them.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

use super::upstream::{OK, Reply, TestUpstream};
use super::*;
use crate::dispatch::Paused;

const DOWN: Reply = Reply::Answer(503, "", "");

/// A script that fails with `reply` while the flag is set.
fn while_set(reply: Reply) -> (Arc<AtomicBool>, impl Fn(usize, &upstream::Got) -> Reply + Send + Sync) {
    let flag = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&flag);
    (flag, move |_, _: &upstream::Got| if asked.load(Ordering::SeqCst) { reply.clone() } else { OK })
}

#[test]
fn a_process_that_has_lost_the_right_to_deliver_shows_no_pause_any_more() {
    run(async {
        let upstream = TestUpstream::start(|_, _| DOWN).await;
        let running = Running::new(upstream.address);
        running.add();
        let metric =
            |value| format!("clawgate_inbox_paused{{upstream=\"http://{}\"}} {value}", upstream.address);
        eventually("the pause", || running.has_metric(&metric(1)) && running.is_upstream_paused()).await;

        running.store.lose_right();

        eventually("its end", || running.has_metric(&metric(0)) && !running.is_upstream_paused()).await;
        assert!(running.has_metric("clawgate_inbox_deliverer_known 0"));
    });
}

#[test]
fn while_an_upstream_is_down_one_event_at_a_time_is_tried() {
    run(async {
        let (is_down, script) = while_set(DOWN);
        let upstream = TestUpstream::start(script).await;
        let running = Running::new(upstream.address);
        for _ in 0..50 {
            running.add();
        }
        eventually("the fifth try", || upstream.got().len() >= 5).await;
        assert!(upstream.got().iter().all(|got| got.others == 0));
        assert!(running.dispatcher.state()[0].paused.is_some());
        let name = format!("http://{}", upstream.address);
        assert!(running.has_metric(&format!("clawgate_inbox_paused{{upstream=\"{name}\"}} 1")));

        is_down.store(false, Ordering::SeqCst);
        eventually("delivery", || running.store.count(EventState::Delivered) == 50).await;
        assert!(running.dispatcher.state()[0].paused.is_none());
        assert!(running.has_metric(&format!("clawgate_inbox_paused{{upstream=\"{name}\"}} 0")));
    });
}

#[test]
fn the_first_events_after_an_outage_come_one_by_one_and_then_more_and_more_at_once() {
    run(async {
        let permits = Arc::new(Semaphore::new(0));
        let for_script = Arc::clone(&permits);
        let upstream = TestUpstream::start(move |number, _| match number {
            0 => DOWN,
            _ => Reply::Later(Arc::clone(&for_script)),
        })
        .await;
        let running = Running::changed(upstream.address, |route| route.inbox.concurrency = 8);
        for _ in 0..60 {
            running.add();
        }
        let mut at_once = Vec::new();
        for (released, expected) in [1, 2, 4, 8, 8].into_iter().enumerate() {
            // The first one was answered.
            let under_way = || upstream.got().len().saturating_sub(1 + released);
            eventually("the next tries", || under_way() >= expected).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
            at_once.push(under_way());
            permits.add_permits(1);
        }
        assert_eq!(at_once, [1, 2, 4, 8, 8]);
    });
}

#[test]
fn what_an_upstream_asks_for_is_waited_for() {
    run(async {
        let upstream = TestUpstream::start(|number, _| match number {
            0 => Reply::Answer(503, "retry-after: 1\r\n", ""),
            _ => OK,
        })
        .await;
        let running = Running::new(upstream.address);
        let id = running.add();
        running.until(id, EventState::Delivered).await;
        let [first, second] = &upstream.got()[..] else { panic!() };
        assert!(second.at - first.at >= Duration::from_secs(1));
    });
}

#[test]
fn a_pause_of_one_route_leaves_the_others_of_its_upstream() {
    run(async {
        let upstream =
            TestUpstream::start(
                |_, got| if got.body == b"bad" { Reply::Answer(401, "", "") } else { OK },
            )
            .await;
        let shared = Arc::new(super::upstream(upstream.address));
        let running = Running::with(settings(vec![route(ROUTE, &shared), route("/hooks/b", &shared)]));
        let mut bad = event(ROUTE);
        bad.request.body = Bytes::from_static(b"bad");
        running.store.add(bad);
        eventually("a pause", || running.is_route_paused()).await;
        let good = running.store.add(event("/hooks/b"));
        running.until(good, EventState::Delivered).await;
        assert_eq!(running.store.count(EventState::Waiting), 1);
    });
}

#[test]
fn an_event_that_alone_makes_the_upstream_fail_does_not_stop_the_others() {
    run(async {
        let upstream = TestUpstream::start(|_, got| if got.body == b"bad" { DOWN } else { OK }).await;
        let running = Running::new(upstream.address);
        let mut bad = event(ROUTE);
        bad.request.body = Bytes::from_static(b"bad");
        let bad = running.store.add(bad);
        for _ in 0..30 {
            running.add();
        }
        eventually("delivery of the others", || running.store.count(EventState::Delivered) == 30).await;
        assert_eq!(running.store.row(bad).state, EventState::Waiting);
    });
}

#[test]
fn an_event_that_makes_the_upstream_close_its_connection_does_not_stop_the_others() {
    run(async {
        let upstream =
            TestUpstream::start(|_, got| if got.body == b"bad" { Reply::Close } else { OK }).await;
        let running = Running::new(upstream.address);
        let mut bad = event(ROUTE);
        bad.request.body = Bytes::from_static(b"bad");
        running.store.add(bad);
        for _ in 0..30 {
            running.add();
        }
        eventually("delivery of the others", || running.store.count(EventState::Delivered) == 30).await;
    });
}

#[test]
fn an_event_that_is_tried_again_does_not_hold_up_the_others_of_its_route() {
    run(async {
        let upstream = TestUpstream::start(|_, got| match &got.body[..] {
            b"bad" => Reply::Answer(500, "", ""),
            _ => OK,
        })
        .await;
        let running = Running::new(upstream.address);
        let mut bad = event(ROUTE);
        bad.request.body = Bytes::from_static(b"bad");
        let bad = running.store.add(bad);
        let good = running.add();
        running.until(good, EventState::Delivered).await;
        assert_eq!(running.store.row(bad).state, EventState::Waiting);
    });
}

#[test]
fn in_strict_order_each_event_waits_for_the_one_before_it() {
    run(async {
        let upstream = TestUpstream::start(|number, _| match number {
            0 | 1 => Reply::Answer(500, "", ""),
            3 => DOWN,
            _ => OK,
        })
        .await;
        let running = Running::changed(upstream.address, |route| route.inbox.order = Order::Strict);
        for number in 0..6 {
            let mut event = event(ROUTE);
            event.request.body = Bytes::from(format!("{number}"));
            running.store.add(event);
        }
        eventually("delivery", || running.store.count(EventState::Delivered) == 6).await;
        let got: Vec<_> =
            upstream.got().into_iter().map(|got| String::from_utf8(got.body).unwrap()).collect();
        assert_eq!(got, ["0", "0", "0", "1", "1", "2", "3", "4", "5"]);
    });
}

#[test]
fn no_more_events_of_a_route_are_tried_at_once_than_its_settings_say() {
    run(async {
        let permits = Arc::new(Semaphore::new(0));
        let for_script = Arc::clone(&permits);
        let upstream = TestUpstream::start(move |number, _| match number {
            0..8 => OK,
            _ => Reply::Later(Arc::clone(&for_script)),
        })
        .await;
        let running = Running::changed(upstream.address, |route| route.inbox.concurrency = 3);
        for _ in 0..40 {
            running.add();
        }
        eventually("three tries", || upstream.got().len() == 11).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(upstream.got().len(), 11);
        permits.add_permits(99);
        eventually("delivery", || running.store.count(EventState::Delivered) == 40).await;
        assert_eq!(upstream.got().iter().map(|got| got.others).max(), Some(2));
    });
}

#[test]
fn new_settings_let_a_misconfigured_route_be_tried_at_once() {
    run(async {
        let upstream = TestUpstream::start(|_, got| match got.header("authorization") {
            Some("Bearer new") => OK,
            _ => Reply::Answer(401, "", ""),
        })
        .await;
        // Without the reload, the next try would be in minutes.
        let slow = |routes| DispatchRoutes {
            routes,
            retry_first: Duration::from_secs(30),
            retry_max: Duration::from_secs(300),
        };
        let running =
            Running::with(slow(vec![route(ROUTE, &Arc::new(super::upstream(upstream.address)))]));
        let id = running.add();
        eventually("a pause", || running.is_route_paused()).await;

        let mut renewed = super::upstream(upstream.address);
        renewed.authorization = Some(HeaderValue::from_static("Bearer new"));
        running.routes.replace(slow(vec![route(ROUTE, &Arc::new(renewed))]));

        running.until(id, EventState::Delivered).await;
        assert_eq!(upstream.got().len(), 2);
    });
}

#[test]
fn an_operator_ends_a_pause_at_once() {
    run(async {
        let (is_down, script) = while_set(Reply::Answer(503, "retry-after: 600\r\n", ""));
        let upstream = TestUpstream::start(script).await;
        let running = Running::new(upstream.address);
        let id = running.add();
        eventually("a pause", || running.is_upstream_paused()).await;
        is_down.store(false, Ordering::SeqCst);

        assert!(running.dispatcher.resume(Paused::All));

        running.until(id, EventState::Delivered).await;
    });
}

#[test]
fn a_pause_ends_when_no_event_waits_any_more() {
    run(async {
        let give_up_after = Duration::from_millis(100);
        let down = Running::changed(TestUpstream::unused().await, |route| {
            route.inbox.give_up_after = give_up_after;
        });
        let server = TestUpstream::start(|_, _| Reply::Answer(401, "", "")).await;
        let wrong = Running::changed(server.address, |route| route.inbox.give_up_after = give_up_after);
        let ids = [down.add(), wrong.add()];
        eventually("pauses", || down.is_upstream_paused() && wrong.is_route_paused()).await;
        down.until(ids[0], EventState::Dead).await;
        wrong.until(ids[1], EventState::Dead).await;
        eventually("their end", || !down.is_upstream_paused() && !wrong.is_route_paused()).await;
        assert!(wrong.has_metric("clawgate_inbox_route_paused{route=\"/hooks/a\"} 0"));
    });
}
