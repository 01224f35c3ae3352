//! Targets of the relay.

use std::collections::HashSet;

use serde_json::Value;

use super::upstream::{Got, OK, Reply, TestUpstream};
use super::*;
use crate::inbox::DeadReason;
use crate::relay::batch::{BatchForm, BatchSettings};
use crate::relay::client::{TargetClient, tests as client};
use crate::relay::credentials::bearer;
use crate::relay::settings::{Auth, TargetSettings};
use crate::relay::target::RelayTarget;

const TARGET: &str = "relay:analytics";

/// Settings of a target at this address, which a test may change.
fn at(address: SocketAddr) -> TargetSettings {
    client::settings(client::endpoint(address, "/v1/events"), Auth::Fixed(bearer(b"key").unwrap()))
}

fn target(settings: TargetSettings) -> DispatchRoute {
    let target = Arc::new(RelayTarget::new(Arc::new(settings)).unwrap());
    let client = TargetClient::new(target, Metrics::new().upstream("analytics"));
    DispatchRoute::of_target(Arc::new(client))
}

fn running(target_settings: TargetSettings) -> Running {
    Running::with(settings(vec![target(target_settings)]))
}

/// An event with this body.
fn with_body(key: &str, body: &str) -> Event {
    let mut event = event(TARGET);
    event.idempotency_key = key.to_owned();
    event.request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    event.request.body = Bytes::copy_from_slice(body.as_bytes());
    event
}

fn add(running: &Running, numbers: std::ops::Range<u32>) -> Vec<EventId> {
    let event = |number| with_body(&format!("e-{number}"), &format!("{{\"n\":{number}}}"));
    numbers.map(|number| running.store.add(event(number))).collect()
}

fn batches(count: usize, period: Duration) -> BatchSettings {
    BatchSettings { count, bytes: 1_000_000, period, form: BatchForm::Array }
}

/// The numbers of the events in a request.
fn numbers(got: &Got) -> Vec<u64> {
    let body: Vec<Value> = serde_json::from_slice(&got.body).unwrap();
    body.iter().map(|event| event["n"].as_u64().unwrap()).collect()
}

fn ids(got: &[Got]) -> HashSet<&str> {
    got.iter().map(|got| got.header("idempotency-key").unwrap()).collect()
}

#[test]
fn an_event_is_sent_with_the_credential_and_the_same_id_at_each_try() {
    run(async {
        let api = TestUpstream::start(|number, _| match number {
            0 => Reply::Answer(500, "", ""),
            1 => Reply::Close,
            _ => OK,
        })
        .await;
        let running = running(at(api.address));
        let id = running.store.add(with_body("e-1", "{\"n\":1}"));
        running.until(id, EventState::Delivered).await;

        let got = api.got();
        assert_eq!((got.len(), ids(&got)), (3, HashSet::from(["e-1"])));
        for got in got {
            assert!(got.head.starts_with("POST /v1/events HTTP/1.1\r\n"), "{}", got.head);
            assert_eq!(got.header("authorization"), Some("Bearer key"));
            assert_eq!(got.header("content-type"), Some("application/json"));
            assert_eq!(got.body, b"{\"n\":1}");
            // Nothing else: the stored `host` of the caller, and clawgate's fields for upstreams, are not for targets.
            assert_eq!(got.header("host"), Some("api.example.org"));
            assert_eq!(got.header("x-clawgate-event-id"), None);
        }
    });
}

#[test]
fn a_target_that_fails_is_tried_more_often_than_an_upstream() {
    run(async {
        let api = TestUpstream::start(|number, _| match number {
            ..8 => Reply::Answer(500, "", ""),
            _ => OK,
        })
        .await;
        let running = running(TargetSettings { give_up_after: FIRST * 1000, ..at(api.address) });
        let id = running.store.add(with_body("e-1", "{}"));
        running.until(id, EventState::Delivered).await;
        assert_eq!(api.got().len(), 9);
    });
}

#[test]
fn a_refused_credential_pauses_the_target_and_loses_nothing() {
    run(async {
        let api = TestUpstream::start(|number, _| match number {
            ..2 => Reply::Answer(401, "", "{\"error\":\"expired\"}"),
            _ => OK,
        })
        .await;
        let running = running(TargetSettings { give_up_after: FIRST * 1000, ..at(api.address) });
        let first = add(&running, 1..6)[0];

        eventually("the pause", || running.is_route_paused()).await;
        let state = running.dispatcher.state();
        let paused = &state[0].routes[0];
        assert_eq!(
            (&*state[0].upstream, &*paused.route, paused.class),
            ("analytics", TARGET, "misconfigured")
        );
        assert!(paused.hint.contains("the target's `auth`"), "{}", paused.hint);
        running.until(first, EventState::Delivered).await;
        eventually("all events", || running.store.count(EventState::Delivered) == 5).await;
        assert_eq!(api.got().len(), 7);
    });
}

#[test]
fn the_rate_holds_also_when_many_events_wait() {
    run(async {
        let api = TestUpstream::start(|_, _| OK).await;
        let rate = "10/500ms".parse().ok();
        let running = running(TargetSettings { rate, ..at(api.address) });
        add(&running, 0..15);
        eventually("all events", || running.store.count(EventState::Delivered) == 15).await;

        let times: Vec<_> = api.got().iter().map(|got| got.at).collect();
        for window in times.windows(11) {
            let took = window[10] - window[0];
            assert!(took > Duration::from_millis(450), "11 requests in {took:?}");
        }
    });
}

#[test]
fn a_batch_is_sent_when_it_is_full_and_else_when_its_time_is_over() {
    run(async {
        let api = TestUpstream::start(|_, _| OK).await;
        let batch = Some(batches(3, FIRST * 10));
        let running = running(TargetSettings { batch, ..at(api.address) });
        let begun = Instant::now();
        add(&running, 0..4);
        eventually("all events", || running.store.count(EventState::Delivered) == 4).await;

        let got = api.got();
        assert_eq!(got.iter().map(numbers).collect::<Vec<_>>(), [vec![0, 1, 2], vec![3]]);
        assert_eq!(got[0].header("content-type"), Some("application/json"));
        assert!(got[0].at - begun < FIRST * 9 && got[1].at - begun >= FIRST * 9);
        assert_eq!(ids(&got).len(), 2);
    });
}

#[test]
fn a_batch_has_the_same_events_at_each_try_whatever_comes_meanwhile() {
    run(async {
        let api = TestUpstream::start(|number, _| match number {
            ..3 => Reply::Answer(500, "", ""),
            _ => OK,
        })
        .await;
        let batch = Some(batches(10, FIRST));
        let give_up_after = FIRST * 1000;
        let running =
            running(TargetSettings { batch, concurrency: 1, give_up_after, ..at(api.address) });
        add(&running, 0..2);
        eventually("the first try", || api.got().len() == 1).await;
        add(&running, 2..4);
        eventually("all events", || running.store.count(EventState::Delivered) == 4).await;

        let got = api.got();
        let first: Vec<_> = got.iter().filter(|got| numbers(got)[0] == 0).cloned().collect();
        assert!(first.len() > 1 && first.iter().all(|got| numbers(got) == [0, 1]));
        assert_eq!(ids(&first).len(), 1);
    });
}

#[test]
fn of_a_batch_that_is_refused_only_the_event_that_is_the_cause_dies() {
    run(async {
        let api = TestUpstream::start(|_, got| match numbers(got).contains(&5) {
            true => Reply::Answer(422, "", "{\"error\":\"n\"}"),
            false => OK,
        })
        .await;
        let batch = Some(batches(8, FIRST * 10));
        let running = running(TargetSettings { batch, ..at(api.address) });
        let events = add(&running, 0..8);
        eventually("the others", || running.store.count(EventState::Delivered) == 7).await;
        running.until(events[5], EventState::Dead).await;

        assert_eq!(running.store.row(events[5]).reason, Some(DeadReason::Rejected));
        let delivered = api.got().into_iter().filter(|got| !numbers(got).contains(&5));
        let mut delivered: Vec<_> = delivered.flat_map(|got| numbers(&got)).collect();
        delivered.sort_unstable();
        assert_eq!(delivered, [0, 1, 2, 3, 4, 6, 7]);
        // 8, 4, 2, 1 events with the bad one, and the other halves.
        assert_eq!(api.got().len(), 7);
    });
}

#[test]
fn a_target_that_is_down_gets_a_whole_batch_as_the_probe() {
    run(async {
        let api = TestUpstream::start(|number, _| match number {
            ..3 => Reply::Answer(503, "", ""),
            _ => OK,
        })
        .await;
        let batch = Some(batches(3, FIRST));
        let running = running(TargetSettings { batch, give_up_after: FIRST * 1000, ..at(api.address) });
        add(&running, 0..3);
        eventually("all events", || running.store.count(EventState::Delivered) == 3).await;
        assert!(api.got().iter().all(|got| numbers(got) == [0, 1, 2]));
        assert_eq!((api.got().len(), ids(&api.got()).len()), (4, 1));
    });
}
