//! Events that are stored and then sent.

use super::{
    KEY, TOKEN, Target, bodies, command, events, metrics, post, send, settings, start, text, track,
    track_with,
};
use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::pki::Pki;

const MAP: &str = "{ name = \"/eventName\", user = { from = \"/userId\", as = \"string\" }, at = { from = \"/timestamp\", as = \"rfc3339\" } }";

#[test]
fn an_event_arrives_as_it_was_mapped_and_once() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let target = Target::at(&pki, api.address()).set("map", MAP).set("id", "\"body:/eventId\"");
    let clawgate = start(&pki, target);

    let event =
        r#"{"eventId":"e-1","eventName":"signup","userId":7,"timestamp":1770000000000,"secret":"x"}"#;
    let answer = track_with(&clawgate, "X-Other: of the caller\r\nCookie: a=b\r\n", event);

    assert_eq!((answer.status, &answer.json()["status"]), (202, &"accepted".into()));
    let received = api.first();
    assert_eq!(received.request_line(), "POST /v1/events HTTP/1.1");
    assert_eq!(received.body, br#"{"name":"signup","user":"7","at":"2026-02-02T02:40:00Z"}"#);
    assert_eq!(received.value("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(received.value("idempotency-key"), Some("e-1"));
    assert_eq!(received.value("content-type"), Some("application/json"));
    assert_eq!(received.value("user-agent"), Some(concat!("clawgate/", env!("CARGO_PKG_VERSION"))));
    assert!(received.value("traceparent").is_some());
    assert_eq!(received.head.lines().count(), 9, "{}", received.head);

    let delivered = clawgate.event("delivered", 1);
    assert_eq!(
        (&delivered["upstream"], &delivered["route"]),
        (&"analytics".into(), &"relay:analytics".into())
    );
    let request = clawgate.event("relay_request", 1);
    assert_eq!(request["event_id"], answer.json()["id"]);
    assert_eq!(request["event_id"], delivered["event_id"]);
    assert_eq!(request["trace_id"], delivered["trace_id"]);
    let metrics = metrics(&clawgate);
    for line in [
        "clawgate_requests_total{route=\"relay:analytics\",status=\"2xx\"} 1",
        "clawgate_inbox_delivered_total{route=\"relay:analytics\"} 1",
        "clawgate_inbox_appends_total{route=\"relay:analytics\",outcome=\"accepted\"} 1",
        "clawgate_upstream_up{upstream=\"analytics\"} 1",
    ] {
        assert!(metrics.lines().any(|have| have == line), "{line} is not in {metrics}");
    }
}

#[test]
fn the_same_event_again_is_a_duplicate_and_is_not_sent_again() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let target = Target::at(&pki, api.address()).set("id", "\"body:/eventId\"");
    let clawgate = start(&pki, target);

    let first = track(&clawgate, r#"{"eventId":"e-1"}"#);
    clawgate.event("delivered", 1);
    let again = track(&clawgate, r#"{"eventId":"e-1"}"#);
    let other = track(&clawgate, r#"{"eventId":"e-2"}"#);
    clawgate.event("delivered", 2);

    assert_eq!((again.status, &again.json()["status"]), (200, &"duplicate".into()));
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(other.status, 202);
    assert_eq!(bodies(&api), [r#"{"eventId":"e-1"}"#, r#"{"eventId":"e-2"}"#]);
}

#[test]
fn without_an_id_in_the_settings_the_key_of_the_caller_counts_and_else_each_request_is_an_event() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, Target::at(&pki, api.address()));

    let key = "Idempotency-Key: mine\r\n";
    let statuses = [key, key, "", ""].map(|headers| track_with(&clawgate, headers, "{}").status);
    clawgate.event("delivered", 3);

    assert_eq!(statuses, [202, 200, 202, 202]);
    let received = api.received();
    let mut ids: Vec<_> =
        received.iter().map(|received| received.value("idempotency-key").unwrap()).collect();
    assert!(ids.contains(&"mine"));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn what_cannot_be_mapped_is_refused_with_field_and_pointer_and_nothing_of_the_event() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let target = Target::at(&pki, api.address())
        .set("map", "{ name = \"/eventName\", user = { from = \"/user\", as = \"integer\" } }")
        .set("required", "[\"/eventName\"]");
    let clawgate = start(&pki, target);

    let not_json = track(&clawgate, "name=secret-of-the-event");
    let missing = track(&clawgate, r#"{"user":1}"#);
    let wrong = track(&clawgate, r#"{"eventName":"a","user":"secret-of-the-event"}"#);
    let encoded = track_with(&clawgate, "Content-Encoding: gzip\r\n", "{}");

    let answers = [&not_json, &missing, &wrong, &encoded];
    assert_eq!(answers.map(|answer| answer.status), [400, 422, 422, 415]);
    for answer in answers {
        assert_eq!(answer.reason(), "event_invalid");
        assert!(!text(answer).contains("secret-of-the-event"));
    }
    assert!(text(&missing).contains("/eventName"), "{}", text(&missing));
    assert!(text(&wrong).contains("user") && text(&wrong).contains("/user"), "{}", text(&wrong));
    assert!(api.received().is_empty());
    assert!(!clawgate.lines().join("\n").contains("secret-of-the-event"));
}

#[test]
fn a_body_without_a_mapping_is_sent_byte_for_byte() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, Target::at(&pki, api.address()));

    let body = "{ \"a\" : 1.0e400,\n\t\"b\":\"\\u00e9 é\" }\n";
    track(&clawgate, body);
    let form = format!("Authorization: Bearer {TOKEN}\r\nContent-Type: text/csv\r\n");
    send(&clawgate, &post("/track", &form, "a;b"));
    clawgate.event("delivered", 2);

    let received = api.received();
    let mut kinds: Vec<_> = received
        .iter()
        .map(|got| (got.value("content-type").unwrap().to_owned(), got.body.clone()))
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [("application/json".to_owned(), body.into()), ("text/csv".to_owned(), b"a;b".to_vec())]
    );
}

#[test]
fn events_are_sent_with_the_same_id_after_a_restart() {
    let pki = Pki::new();
    let port = crate::support::unused_port();
    let address = port.address();
    let toml = settings(&pki, &[Target::at(&pki, address).set("id", "\"body:/eventId\"")]);
    let mut clawgate = command(&pki, &toml).start();
    for number in 0..5 {
        assert_eq!(track(&clawgate, &format!("{{\"eventId\":\"e-{number}\"}}")).status, 202);
    }
    events(&clawgate, "delivery_attempt_failed", 1);
    clawgate.signal("KILL");
    clawgate.wait();

    let api = Backend::at(port, |mut exchange| {
        while exchange.request().is_some() {
            exchange.answer("200 OK", "application/json", "{}");
        }
    });
    let clawgate = command(&pki, &toml).start();
    events(&clawgate, "delivered", 5);

    let received = api.received();
    let mut ids: Vec<_> = received.iter().map(|got| got.value("idempotency-key").unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["e-0", "e-1", "e-2", "e-3", "e-4"]);
}

#[test]
fn a_full_inbox_refuses_events_and_says_when_to_come_again() {
    let pki = Pki::new();
    let unused = crate::support::unused_port();
    let toml = settings(&pki, &[Target::at(&pki, unused.address())]);
    let toml = toml.replace("[inbox]\n", "[inbox]\nmax_events = 2\n");
    let clawgate = command(&pki, &toml).start();

    let statuses: Vec<_> = (0..4).map(|_| track(&clawgate, "{}").status).collect();
    let full = track(&clawgate, "{}");

    assert_eq!(statuses, [202, 202, 503, 503]);
    assert_eq!((full.header("retry-after"), full.reason()), (Some("30"), "inbox_full".into()));
    let failed = clawgate.event("delivery_failed", 1);
    assert_eq!((&failed["upstream"], &failed["reason"]), (&"analytics".into(), &"inbox_full".into()));
}

#[test]
fn the_rate_of_a_target_holds() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, Target::at(&pki, api.address()).set("rate", "\"10/1s\""));
    let begun = std::time::Instant::now();
    for _ in 0..15 {
        track(&clawgate, "{}");
    }
    eventually("all events", || (api.received().len() == 15).then_some(()));
    assert!(begun.elapsed() > std::time::Duration::from_millis(950), "{:?}", begun.elapsed());
}
