//! What the upstream gets, and what a sender that waits gets.

use tokio::sync::Semaphore;

use super::upstream::{OK, Reply, TestUpstream};
use super::*;

#[test]
fn each_try_has_the_stored_request_and_its_own_fields() {
    run(async {
        let upstream =
            TestUpstream::start(|number, _| if number == 0 { Reply::Answer(500, "", "") } else { OK })
                .await;
        let running = Running::new(upstream.address);
        let mut event = event(ROUTE);
        let fields = [
            ("x-github-event", "push"),
            ("authorization", "Bearer sender"),
            ("x-openclaw-token", "sender"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ];
        for (name, value) in fields {
            event.request.headers.insert(name, HeaderValue::from_static(value));
        }
        event.request.body = Bytes::from_static(b"{\"a\":1}");
        event.received = SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_123);
        let id = running.store.add(event);
        running.until(id, EventState::Delivered).await;

        let got = upstream.got();
        for (number, got) in (1..).zip(&got) {
            assert!(got.head.starts_with("POST /hooks/a?x=1 HTTP/1.1\r\n"), "{}", got.head);
            assert_eq!(got.body, b"{\"a\":1}");
            for (name, value) in [
                ("host", "hooks.example"),
                ("x-github-event", "push"),
                ("authorization", "Bearer token"),
                ("content-length", "7"),
                ("idempotency-key", "cg-hooks-k-1"),
                ("x-clawgate-event-id", &id.to_string()),
                ("x-clawgate-attempt", &format!("{number}")),
                ("x-clawgate-received-at", "2026-09-21T14:13:20.123Z"),
                ("x-request-id", &format!("{id}-{number}")),
            ] {
                assert_eq!(got.header(name), Some(value), "{name}");
            }
            assert_eq!(got.header("x-openclaw-token"), None);
        }
        let traces: Vec<_> = got.iter().map(|got| got.header("traceparent").unwrap()).collect();
        assert!(traces.iter().all(|trace| trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-")));
        assert!(!traces.contains(&"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert_ne!(traces[0], traces[1]);
    });
}

#[test]
fn without_a_token_of_the_upstream_the_stored_credentials_are_sent() {
    run(async {
        let server = TestUpstream::start(|_, _| OK).await;
        let mut target = upstream(server.address);
        target.authorization = None;
        let running = Running::with(settings(vec![route(ROUTE, &Arc::new(target))]));
        let mut event = event(ROUTE);
        event.request.headers.insert("authorization", HeaderValue::from_static("Bearer sender"));
        let id = running.store.add(event);
        running.until(id, EventState::Delivered).await;
        assert_eq!(server.got()[0].header("authorization"), Some("Bearer sender"));
    });
}

#[test]
fn a_sender_that_waits_gets_the_upstreams_answer() {
    for (status, state) in [(201, EventState::Delivered), (422, EventState::Dead)] {
        run(async {
            let upstream =
                TestUpstream::start(move |_, _| Reply::Answer(status, "x-of: upstream\r\n", "text"))
                    .await;
            let running = Running::new(upstream.address);
            eventually("the start", || running.dispatcher.delivers()).await;
            let mut event = event(ROUTE);
            event.received = SystemTime::UNIX_EPOCH;
            let id = EventId::new(event.received, [0; 10]);
            let watch = running.dispatcher.watch(id, ROUTE);
            running.store.add(event);

            let answered = watch.answer().await.unwrap();

            assert_eq!((answered.status.as_u16(), &answered.body[..]), (status, &b"text"[..]));
            assert_eq!(answered.headers["x-of"], "upstream");
            assert!(!answered.headers.contains_key("content-length"));
            running.until(id, state).await;
        });
    }
}

#[test]
fn a_sender_does_not_wait_for_an_upstream_that_is_down() {
    run(async {
        let running = Running::new(TestUpstream::unused().await);
        eventually("the start", || running.dispatcher.delivers()).await;
        let mut first = event(ROUTE);
        first.received = SystemTime::UNIX_EPOCH;
        let watch = running.dispatcher.watch(EventId::new(first.received, [0; 10]), ROUTE);
        running.store.add(first);
        assert!(watch.answer().await.is_none(), "the try itself shows it");

        let watch = running.dispatcher.watch(EventId::new(SystemTime::UNIX_EPOCH, [1; 10]), ROUTE);
        assert!(watch.answer().await.is_none(), "the pause is known");
    });
}

#[test]
fn a_sender_does_not_wait_where_another_process_delivers() {
    run(async {
        let mut running = Running::stopped(settings(vec![route(
            ROUTE,
            &Arc::new(upstream(TestUpstream::unused().await)),
        )]));
        running.store.set_taken(true);
        running.start();
        let watch = running.dispatcher.watch(EventId::new(SystemTime::UNIX_EPOCH, [0; 10]), ROUTE);
        assert!(watch.answer().await.is_none());
    });
}

#[test]
fn an_answer_that_is_too_large_to_pass_on_delivers_nevertheless() {
    run(async {
        let large: &'static str = "x".repeat(2 * 1024 * 1024).leak();
        let upstream = TestUpstream::start(move |_, _| Reply::Answer(200, "", large)).await;
        let running = Running::new(upstream.address);
        eventually("the start", || running.dispatcher.delivers()).await;
        let mut event = event(ROUTE);
        event.received = SystemTime::UNIX_EPOCH;
        let id = EventId::new(event.received, [0; 10]);
        let watch = running.dispatcher.watch(id, ROUTE);
        running.store.add(event);
        assert!(watch.answer().await.is_none());
        running.until(id, EventState::Delivered).await;
    });
}

#[test]
fn a_sender_that_waits_gets_its_answer_during_the_drain() {
    run(async {
        let permits = Arc::new(Semaphore::new(0));
        let for_script = Arc::clone(&permits);
        let upstream = TestUpstream::start(move |_, _| Reply::Later(Arc::clone(&for_script))).await;
        let running = Running::new(upstream.address);
        eventually("the start", || running.dispatcher.delivers()).await;
        let mut event = event(ROUTE);
        event.received = SystemTime::UNIX_EPOCH;
        let watch = running.dispatcher.watch(EventId::new(event.received, [0; 10]), ROUTE);
        running.store.add(event);
        eventually("the try", || upstream.got().len() == 1).await;
        running.drain.begin();
        permits.add_permits(1);
        assert_eq!(watch.answer().await.unwrap().status, 200);
    });
}
