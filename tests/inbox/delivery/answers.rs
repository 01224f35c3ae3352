//! What follows from each kind of answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{PATH, about, accepted, dead, delivered, keys, ok, request, send, started};
use crate::support::backend::{Backend, Exchange};
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::{stay_silent, unused_port};

/// An upstream that does `reply` with the first requests, and answers all others with 200.
fn failing(count: usize, reply: impl Fn(&mut Exchange) + Send + Sync + 'static) -> Backend {
    let seen = AtomicUsize::new(0);
    Backend::each(move |exchange, _| {
        if seen.fetch_add(1, Ordering::SeqCst) < count { reply(exchange) } else { ok(exchange) }
    })
}

/// The same with a status, a header line and a body.
fn answering(count: usize, status: &'static str, line: &'static str, body: &'static str) -> Backend {
    failing(count, move |exchange| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\n{line}Content-Length: {length}\r\n\r\n{body}");
        exchange.write(head.as_bytes());
    })
}

#[test]
fn a_success_delivers_the_event_with_the_tokens_and_fields_of_clawgate() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = started(&pki, &backend.url(), "");
    let id = send(&pki, &clawgate, "k1");

    let line = delivered(&clawgate, &id);

    assert_eq!(
        (&line["attempt"], &line["status"], &line["route"]),
        (&1.into(), &200.into(), &PATH.into())
    );
    let got = backend.first();
    assert_eq!(got.body, b"{}");
    assert_eq!(got.value("authorization"), Some("Bearer token-of-openclaw"));
    assert_eq!(got.value("x-clawgate-event-id"), Some(&*id));
    assert_eq!(got.value("x-clawgate-attempt"), Some("1"));
    assert_eq!(got.value("x-request-id"), line["id"].as_str());
    assert_eq!(got.value("content-length"), Some("2"));
    assert!(got.value("x-clawgate-client-cn").is_some());
    assert!(got.value("x-clawgate-received-at").unwrap().ends_with('Z'));
    assert!(got.value("idempotency-key").unwrap().ends_with("-k1"));
    let trace = line["trace_id"].as_str().unwrap();
    assert!(got.value("traceparent").unwrap().starts_with(&format!("00-{trace}-")));
}

#[test]
fn events_for_an_upstream_that_is_not_there_wait_until_it_is() {
    let pki = Pki::new();
    let port = unused_port();
    let clawgate = started(&pki, &format!("http://{port}"), "");
    let ids: Vec<_> = ["k1", "k2", "k3"].map(|key| send(&pki, &clawgate, key)).into();
    let paused = clawgate.event("upstream_paused", 1);
    assert!(paused["detail"].as_str().unwrap().contains("cannot be connected"), "{paused}");

    let backend = Backend::at(port, |mut exchange| {
        while exchange.request().is_some() {
            ok(&mut exchange);
        }
    });

    clawgate.event("upstream_resumed", 1);
    for id in &ids {
        delivered(&clawgate, id);
    }
    assert_eq!(backend.received().len(), 3);
    assert_eq!(clawgate.events("dead_lettered").len(), 0);
}

#[test]
fn while_a_gateway_says_that_the_upstream_is_down_events_wait() {
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let pki = Pki::new();
        let backend = answering(3, status, "", "later");
        let clawgate = started(&pki, &backend.url(), "");
        let id = send(&pki, &clawgate, "k1");

        let line = delivered(&clawgate, &id);

        assert_eq!(line["attempt"], 4, "{status}");
        clawgate.event("upstream_resumed", 1);
        let failed = about(&clawgate, "delivery_attempt_failed", &id);
        assert!(failed.iter().all(|line| line["class"] == "down" && line["answer"] == "later"));
    }
}

#[test]
fn a_rate_limit_pauses_the_route_for_as_long_as_the_upstream_asks() {
    let pki = Pki::new();
    let backend = answering(1, "429 Too Many Requests", "Retry-After: 1\r\n", "");
    let clawgate = started(&pki, &backend.url(), "");
    let id = send(&pki, &clawgate, "k1");
    assert_eq!(clawgate.event("route_paused", 1)["class"], "rate_limited");

    let line = delivered(&clawgate, &id);

    assert!(line["waited_ms"].as_f64().unwrap() >= 1000.0, "{line}");
    assert!(clawgate.event("route_resumed", 1)["paused_ms"].as_f64().unwrap() >= 1000.0);
}

#[test]
fn a_changed_configuration_is_tried_again_at_once() {
    let pki = Pki::new();
    let body = r#"{"ok":false,"error":"hook configuration changed; retry request"}"#;
    let backend = answering(3, "409 Conflict", "", body);
    let clawgate = started(&pki, &backend.url(), "");
    let id = send(&pki, &clawgate, "k1");

    assert_eq!(delivered(&clawgate, &id)["attempt"], 4);

    let classes = about(&clawgate, "delivery_attempt_failed", &id);
    assert!(classes.iter().all(|line| line["class"] == "configuration_changed"), "{classes:?}");
}

#[test]
fn another_conflict_is_given_up_after_five_tries() {
    let pki = Pki::new();
    let backend = answering(99, "409 Conflict", "", "session busy");
    let clawgate = started(&pki, &backend.url(), "");
    let id = send(&pki, &clawgate, "k1");

    let line = dead(&clawgate, &id);

    assert_eq!((&line["reason"], &line["tries"]), (&"too_many_attempts".into(), &5.into()));
    assert_eq!(backend.received().len(), 5);
}

#[test]
fn a_request_without_an_answer_is_sent_again_with_the_same_key_and_body() {
    let pki = Pki::new();
    // The first time nothing comes, the second time the connection is closed.
    let seen = AtomicUsize::new(0);
    let backend = Backend::script(move |mut exchange| {
        while exchange.request().is_some() {
            match seen.fetch_add(1, Ordering::SeqCst) {
                0 => stay_silent(Duration::from_millis(600)),
                1 => return,
                _ => ok(&mut exchange),
            }
        }
    });
    let settings = super::settings(&pki, "", "");
    let clawgate = super::command(&pki, &backend.url(), &settings)
        .arg("--upstream-response-timeout", "300ms")
        .start();
    let id = send(&pki, &clawgate, "k1");

    assert_eq!(delivered(&clawgate, &id)["attempt"], 3);

    let got = backend.received();
    assert_eq!(keys(&got), [keys(&got)[0]; 3]);
    assert!(got.iter().all(|request| request.body == b"{}"));
    let failed = about(&clawgate, "delivery_attempt_failed", &id);
    assert!(failed.iter().all(|line| line["class"] == "no_answer" && line["level"] == "warn"));
}

#[test]
fn refusals_of_clawgate_and_wrong_servers_pause_the_route_and_keep_its_events() {
    for status in
        ["401 Unauthorized", "403 Forbidden", "405 Method Not Allowed", "404 Not Found", "302 Found"]
    {
        let pki = Pki::new();
        let backend = answering(1, status, "", "no");
        let clawgate = started(&pki, &backend.url(), "");
        let id = send(&pki, &clawgate, "k1");

        let paused = clawgate.event("route_paused", 1);

        assert_eq!(
            (&paused["class"], &paused["route"]),
            (&"misconfigured".into(), &PATH.into()),
            "{status}"
        );
        assert!(paused["detail"].as_str().unwrap().contains(&status[..3]), "{paused}");
        assert!(!paused["hint"].as_str().unwrap().is_empty());
        assert_eq!(delivered(&clawgate, &id)["attempt"], 2);
        clawgate.event("route_resumed", 1);
    }
}

#[test]
fn a_switch_to_another_protocol_pauses_the_route() {
    let pki = Pki::new();
    let backend = failing(1, |exchange| {
        exchange.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        );
    });
    let clawgate = started(&pki, &backend.url(), "");
    let id = send(&pki, &clawgate, "k1");

    assert_eq!(clawgate.event("route_paused", 1)["class"], "misconfigured");

    delivered(&clawgate, &id);
}

#[test]
fn a_path_that_the_upstream_does_not_know_below_a_prefix_is_the_senders_fault() {
    let pki = Pki::new();
    let backend = answering(1, "404 Not Found", "", "");
    let settings = super::settings(&pki, "", "").replace("\"/hooks/a\"", "\"/hooks/\"");
    let clawgate = super::command(&pki, &backend.url(), &settings).start();
    let client = || Client::new(&pki, &clawgate);
    let id = accepted(client().send(&request("/hooks/typo", "k1", "{}")));
    assert_eq!(dead(&clawgate, &id)["reason"], "unknown_path");

    let id = accepted(client().send(&request("/hooks/wake", "k2", "{}")));

    delivered(&clawgate, &id);
    assert_eq!(clawgate.events("route_paused").len(), 0);
}

#[test]
fn refused_credentials_of_the_sender_are_the_senders_fault() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, request| match request.value("authorization") {
        Some("Bearer good") => ok(exchange),
        _ => exchange.answer("401 Unauthorized", "text/plain", "Unauthorized"),
    });
    let settings = super::settings(&pki, "", "[route.inbox]\nstore_authorization = true");
    super::private_folder(&pki.dir().join("inbox"));
    let clawgate = crate::support::process::ClawgateCommand::new(&pki)
        .arg("--config", pki.file("clawgate.toml", &settings))
        .upstream(backend.url())
        .start();
    let with = |key, token| {
        let request = request(PATH, key, "{}");
        let field = format!("\r\nAuthorization: Bearer {token}\r\nContent-Length");
        accepted(Client::new(&pki, &clawgate).send(&request.replace("\r\nContent-Length", &field)))
    };
    let bad = with("k1", "bad");
    assert_eq!(dead(&clawgate, &bad)["reason"], "sender_credentials");

    let good = with("k2", "good");

    delivered(&clawgate, &good);
    assert_eq!(clawgate.events("route_paused").len(), 0);
}

#[test]
fn a_refused_message_is_given_up_at_once_and_the_answer_is_kept() {
    for status in [400, 411, 413, 415, 422, 431] {
        let pki = Pki::new();
        let backend = Backend::each(move |exchange, request| match &request.body[..] {
            b"{}" => ok(exchange),
            _ => exchange.answer(&format!("{status} No"), "text/plain", "text required\u{1b}"),
        });
        let clawgate = started(&pki, &backend.url(), "");
        let id = accepted(Client::new(&pki, &clawgate).send(&request(PATH, "k1", "bad")));

        let line = dead(&clawgate, &id);

        let expected = (&"rejected".into(), &1.into(), &status.into());
        assert_eq!((&line["reason"], &line["tries"], &line["status"]), expected);
        assert_eq!(line["answer"], r"text required\1B");
        let next = send(&pki, &clawgate, "k2");
        delivered(&clawgate, &next);
    }
}

#[test]
fn an_internal_error_is_given_up_after_five_tries_and_does_not_hold_up_others() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, request| match &request.body[..] {
        b"{}" => ok(exchange),
        _ => exchange.answer("500 Internal Server Error", "text/plain", "hook mapping failed"),
    });
    let clawgate = started(&pki, &backend.url(), "");
    let bad = accepted(Client::new(&pki, &clawgate).send(&request(PATH, "k1", "bad")));
    let good = send(&pki, &clawgate, "k2");
    delivered(&clawgate, &good);

    let line = dead(&clawgate, &bad);

    assert_eq!((&line["reason"], &line["tries"]), (&"too_many_attempts".into(), &5.into()));
}
