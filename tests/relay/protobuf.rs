//! Protobuf messages for a target.

use std::fs;

use super::{Target, start, text, track};
use crate::support::backend::Backend;
use crate::support::pki::Pki;
use crate::support::process::Clawgate;

const MAP: &str = "{ event_id = \"/eventId\", timestamp = { from = \"/at\" }, user_id = \"/user\", properties = \"/more\" }";

const EVENT: &str = r#"{"eventId":"e-1","at":"2026-01-31T12:00:00Z","user":300,"private":"not sent"}"#;

/// Field 1 as text, field 3 as a message with the seconds since 1970, field 5 as a number.
const MESSAGE: &[u8] = b"\x0a\x03e-1\x1a\x06\x08\xc0\xdd\xf7\xcb\x06\x28\xac\x02";

/// A target that gets the messages of the sample schema.
fn target(pki: &Pki, api: &Backend) -> Target {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/claw_event.proto");
    let schema = pki.file("claw_event.proto", fs::read(schema).unwrap());
    let messages = format!("{{ schema = {schema:?}, message = \"claw.ClawEvent\" }}");
    Target::at(pki, api.address()).set("map", MAP).set("protobuf", messages)
}

/// What the API got, once it has something.
fn sent(clawgate: &Clawgate, api: &Backend) -> Vec<(Option<String>, Vec<u8>)> {
    clawgate.event("delivered", 1);
    let received = api.received().into_iter();
    received.map(|got| (got.value("content-type").map(str::to_owned), got.body)).collect()
}

#[test]
fn an_event_arrives_as_the_message_of_its_mapping() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, target(&pki, &api));

    assert_eq!(track(&clawgate, EVENT).status, 202);

    let expected = (Some("application/x-protobuf".to_owned()), MESSAGE.to_vec());
    assert_eq!(sent(&clawgate, &api), [expected]);
}

#[test]
fn callers_that_wait_get_the_answer_to_the_message() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, target(&pki, &api).set("delivery", "\"wait\"").set("timeout", "\"5s\""));

    assert_eq!(track(&clawgate, EVENT).status, 200);

    assert_eq!(api.first().body, MESSAGE);
}

#[test]
fn an_event_that_is_no_such_message_is_refused_with_field_and_hint_and_without_values() {
    let (pki, api) = (Pki::new(), Backend::ok());
    for delivery in ["queue", "wait"] {
        let target =
            target(&pki, &api).set("delivery", format!("{delivery:?}")).set("timeout", "\"5s\"");
        let clawgate = start(&pki, target);

        let answer = track(&clawgate, r#"{"eventId":"e-1","at":1769860800,"user":"s3cret"}"#);

        assert_eq!(answer.status, 422);
        let detail = "protobuf field `timestamp`: expected RFC 3339, there is a number; a unix number must be \
                      mapped with as = \"rfc3339\" first";
        assert_eq!(answer.json()["detail"], detail);
        let line = clawgate.event("relay_request", 1);
        assert_eq!((&line["reason"], &line["detail"]), (&"event_invalid".into(), &detail.into()));

        let answer = track(&clawgate, r#"{"eventId":"e-1","user":"s3cret"}"#);
        assert_eq!(answer.status, 422);
        assert!(!text(&answer).contains("s3cret"), "{}", text(&answer));
        clawgate.event("relay_request", 2);
        assert!(!clawgate.lines().concat().contains("s3cret"));
    }
    assert!(api.received().is_empty());
}

#[test]
fn json_that_is_deep_or_has_many_values_is_refused() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, target(&pki, &api));

    let deep = format!("{{\"more\":{}{}}}", "{\"a\":".repeat(20_000), "}".repeat(20_000));
    let many = format!("{{\"more\":{{\"a\":[{}0]}}}}", "0,".repeat(100_000));
    let said = [deep, many].map(|body| {
        let answer = track(&clawgate, &body);
        (answer.status, text(&answer))
    });

    for (status, text) in said {
        assert!([400, 422].contains(&status), "{status} {text}");
    }
    assert_eq!(track(&clawgate, EVENT).status, 202);
    assert_eq!(sent(&clawgate, &api).len(), 1);
}

#[test]
fn a_reload_reads_the_schema_and_keeps_the_one_before_if_it_is_wrong() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, target(&pki, &api));
    let schema = fs::read_to_string(pki.dir().join("claw_event.proto")).unwrap();

    pki.file("claw_event.proto", schema.replace("string event_id = 1", "strin event_id = 1"));
    let failed = clawgate.event("reload_failed", 1);
    assert!(
        failed.to_string().contains("claw_event.proto:12:3: name 'strin' is not defined"),
        "{failed}"
    );
    pki.file("claw_event.proto", schema.replace("event_id = 1;", "event_id = 12;"));
    clawgate.event("reloaded", 1);

    track(&clawgate, r#"{"eventId":"e-2"}"#);
    assert_eq!(sent(&clawgate, &api)[0].1, b"\x62\x03e-2");
}
