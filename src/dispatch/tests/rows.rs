//! What becomes of an event, for each kind of answer.

use super::upstream::{OK, Reply, TestUpstream};
use super::*;
use crate::inbox::DeadReason;

/// An event whose first tries get this answer, and all others 200. Returns how often it was tried, and how often that counted.
async fn tried(replies: u32, reply: Reply) -> (Running, EventId, TestUpstream) {
    let replies = usize::try_from(replies).unwrap();
    let upstream =
        TestUpstream::start(move |number, _| if number < replies { reply.clone() } else { OK }).await;
    let running = Running::new(upstream.address);
    let id = running.add();
    (running, id, upstream)
}

async fn dead(reply: Reply, tries: usize, reason: DeadReason) {
    let (running, id, upstream) = tried(99, reply).await;
    running.until(id, EventState::Dead).await;
    let row = running.store.row(id);
    assert_eq!((row.reason, row.tries.len(), upstream.got().len()), (Some(reason), tries, tries));
    assert!(running.has_metric(&format!(
        "clawgate_inbox_dead_total{{route=\"{ROUTE}\",reason=\"{}\"}} 1",
        reason.as_str()
    )));
}

#[test]
fn a_success_is_delivered_once() {
    run(async {
        let (running, id, upstream) = tried(0, OK).await;
        running.until(id, EventState::Delivered).await;
        let attempt = &running.store.row(id).tries[0];
        assert_eq!((attempt.status, &attempt.error, &attempt.answer), (Some(200), &None, &None));
        assert_eq!(upstream.got().len(), 1);
        assert!(running.has_metric("clawgate_inbox_delivered_total{route=\"/hooks/a\"} 1"));
    });
}

#[test]
fn an_event_waits_while_connections_are_refused_and_no_try_counts() {
    run(async {
        let address = TestUpstream::unused().await;
        let running = Running::new(address);
        let id = running.add();
        eventually("a second try", || running.store.row(id).tries.len() >= 2).await;
        let upstream = TestUpstream::at(address, |_, _| OK).await;
        running.until(id, EventState::Delivered).await;
        assert_eq!((running.store.row(id).event.attempts, upstream.got().len()), (0, 1));
    });
}

#[test]
fn an_event_waits_while_a_gateway_answers_and_no_try_counts() {
    for status in [502, 503, 504] {
        run(async {
            let (running, id, _upstream) = tried(7, Reply::Answer(status, "", "")).await;
            running.until(id, EventState::Delivered).await;
            let row = running.store.row(id);
            assert_eq!((row.tries.len(), row.event.attempts), (8, 0));
        });
    }
}

#[test]
fn a_rate_limit_is_waited_for_and_no_try_counts() {
    run(async {
        let (running, id, upstream) = tried(1, Reply::Answer(429, "retry-after: 1\r\n", "")).await;
        running.until(id, EventState::Delivered).await;
        let [first, second] = &upstream.got()[..] else { panic!() };
        assert!(second.at - first.at >= Duration::from_secs(1));
        assert_eq!(running.store.row(id).event.attempts, 0);
    });
}

#[test]
fn a_changed_configuration_is_tried_again_at_once_three_times() {
    run(async {
        let body = r#"{"error":"hook configuration changed; retry request"}"#;
        let (running, id, upstream) = tried(4, Reply::Answer(409, "", body)).await;
        running.until(id, EventState::Delivered).await;
        let got = upstream.got();
        assert_eq!((got.len(), running.store.row(id).event.attempts), (5, 1));
        assert!(got[4].at - got[3].at >= FIRST / 2, "the next one waits");
    });
}

#[test]
fn another_conflict_is_dead_after_five_tries() {
    run(dead(Reply::Answer(409, "", "busy"), 5, DeadReason::TooManyAttempts));
}

#[test]
fn a_request_that_is_not_answered_in_time_is_sent_again_with_the_same_key() {
    run(async {
        let (running, id, upstream) = tried(2, Reply::Silence).await;
        running.until(id, EventState::Delivered).await;
        let keys: Vec<_> =
            upstream.got().iter().map(|got| got.header("idempotency-key").map(str::to_owned)).collect();
        assert_eq!(keys, vec![Some("cg-hooks-k-1".to_owned()); 3]);
        assert!(running.dispatcher.state()[0].paused.is_none());
        assert_eq!(running.store.row(id).event.attempts, 0);
    });
}

#[test]
fn a_connection_that_is_closed_before_the_answer_is_tried_again_with_the_same_key() {
    run(async {
        let (running, id, upstream) = tried(3, Reply::Close).await;
        running.until(id, EventState::Delivered).await;
        let keys: Vec<_> =
            upstream.got().iter().map(|got| got.header("idempotency-key").map(str::to_owned)).collect();
        assert_eq!(keys, vec![Some("cg-hooks-k-1".to_owned()); 4]);
    });
}

#[test]
fn a_refusal_of_clawgate_pauses_the_route_and_keeps_the_event() {
    for status in [401, 403, 405, 404, 302] {
        run(async {
            let (running, id, _upstream) = tried(2, Reply::Answer(status, "", "no")).await;
            eventually("a pause", || running.is_route_paused()).await;
            let state = running.dispatcher.state();
            let paused = &state[0].routes[0];
            assert_eq!((&*paused.route, paused.class), (ROUTE, "misconfigured"), "{status}");
            assert!(paused.pause.detail.contains(&status.to_string()), "{paused:?}");
            assert!(!paused.hint.is_empty());
            assert!(running.has_metric("clawgate_inbox_route_paused{route=\"/hooks/a\"} 1"));

            running.until(id, EventState::Delivered).await;
            assert_eq!(running.store.row(id).event.attempts, 0);
            eventually("its end", || !running.is_route_paused()).await;
            assert!(running.has_metric("clawgate_inbox_route_paused{route=\"/hooks/a\"} 0"));
        });
    }
}

#[test]
fn a_path_that_is_unknown_below_a_prefix_is_dead_at_once() {
    run(async {
        let upstream = TestUpstream::start(|_, _| Reply::Answer(404, "", "")).await;
        let running = Running::changed_upstream(upstream.address, |route| route.is_exact = false);
        let id = running.add();
        running.until(id, EventState::Dead).await;
        assert_eq!(running.store.row(id).reason, Some(DeadReason::UnknownPath));
    });
}

#[test]
fn refused_credentials_of_the_sender_are_dead_at_once() {
    run(async {
        let upstream = TestUpstream::start(|_, _| Reply::Answer(401, "", "")).await;
        let running =
            Running::changed_upstream(upstream.address, |route| route.passes_authorization = true);
        let id = running.add();
        running.until(id, EventState::Dead).await;
        assert_eq!(running.store.row(id).reason, Some(DeadReason::SenderCredentials));
    });
}

#[test]
fn a_refused_message_is_dead_at_once() {
    for status in [400, 411, 413, 415, 422, 431] {
        run(dead(Reply::Answer(status, "", "bad"), 1, DeadReason::Rejected));
    }
}

#[test]
fn an_internal_error_is_dead_after_five_tries() {
    run(dead(Reply::Answer(500, "", "hook mapping failed"), 5, DeadReason::TooManyAttempts));
}

#[test]
fn the_beginning_of_the_answer_to_a_failed_try_is_kept_and_escaped() {
    run(async {
        const BODY: &str = concat!(
            "a\u{1b}[2Jb",
            "0123456789012345678901234567890123456789012345678901234567890123456789\
            0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\
            0123456789012345678901234567890123456789012345678901234567890123456789"
        );
        let (running, id, _upstream) = tried(99, Reply::Answer(400, "", BODY)).await;
        running.until(id, EventState::Dead).await;
        let answer = running.store.row(id).tries[0].answer.clone().unwrap();
        assert!(answer.starts_with(r"a\1B[2Jb0123"), "{answer}");
        assert!(answer.len() <= 210, "{answer}");
    });
}

#[test]
fn an_event_of_an_echo_is_delivered() {
    run(async {
        let mut echo = upstream(TestUpstream::unused().await);
        echo.backend = Backend::Echo;
        let running = Running::with(settings(vec![route(ROUTE, &Arc::new(echo))]));
        let id = running.add();
        running.until(id, EventState::Delivered).await;
        assert_eq!(running.store.row(id).tries[0].status, Some(200));
    });
}
