//! The inbox stores shaped bodies only.

use std::fs;
use std::process::Command;

use super::support::{
    LISTEN, PATH, WITHOUT_TRANSCRIPT, command, meeting, post, route, send, signature, signed,
};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::{eventually, unused_port};

const INBOX: &str = "inbox.path = \"@/inbox/inbox.db\"\nupstream.token_file = \"@/token\"\n";
const SHAPE: &str = "drop = [\"/transcript\"]\nwhen_larger = \"256KiB\"";

#[test]
fn an_event_is_stored_and_exported_without_what_its_shape_drops() {
    let pki = Pki::new();
    let place = unused_port();
    let upstream = format!("http://{}", place.address());
    let toml = format!("{INBOX}{}", route("delivery = \"inbox\"\nlimits.body = \"1MiB\"", SHAPE));
    let clawgate = command(&pki, &upstream, &toml).start();

    let answer = send(&pki, &clawgate, &meeting(600 * 1024));

    assert_eq!(answer.status, 202);
    let line = clawgate.request();
    assert_eq!(line["shaped"], serde_json::json!(["drop /transcript"]));
    assert_eq!(line["event_id"], answer.json()["id"]);
    let database = pki.dir().join("inbox/inbox.db");
    let mut export = Command::new(env!("CARGO_BIN_EXE_clawgate"));
    let export =
        export.env_clear().args(["inbox", "export", "--inbox"]).arg(&database).output().unwrap();
    assert_eq!(export.status.code(), Some(0));
    let event: serde_json::Value = serde_json::from_slice(&export.stdout).unwrap();
    assert_eq!(event["request"]["body"], WITHOUT_TRANSCRIPT);
    for file in fs::read_dir(pki.dir().join("inbox")).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        assert!(!content.windows(9).any(|part| part == b"and so on"), "the transcript is in the inbox");
    }
    let backend = Backend::at(place, |mut exchange| {
        while exchange.request().is_some() {
            exchange.answer("200 OK", "application/json", "{}");
        }
    });
    let received = backend.first();
    assert_eq!(received.body, WITHOUT_TRANSCRIPT.as_bytes());
    assert_eq!(received.values("content-length"), [WITHOUT_TRANSCRIPT.len().to_string()]);
}

#[test]
fn an_event_that_comes_again_is_a_duplicate_if_its_shaped_body_is_the_same() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("{INBOX}{}", route("delivery = \"inbox\"", "drop = [\"/sent_at\"]"));
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let send = |body: &str| {
        let request = post("Idempotency-Key: meeting-1\r\n", body);
        Client::new(&pki, &clawgate).send(&request).json()["status"].clone()
    };

    assert_eq!(send(r#"{"a":1,"sent_at":1}"#), "accepted");
    assert_eq!(send(r#"{"a":1,"sent_at":2}"#), "duplicate");

    assert_eq!(backend.first().body, br#"{"a":1}"#);
    assert_eq!(clawgate.events("event_key_reused").len(), 0);
}

#[test]
fn with_delivery_try_the_upstream_answers_about_the_shaped_body() {
    let pki = Pki::new();
    let backend =
        Backend::each(|exchange, _| exchange.answer("200 OK", "application/json", "{\"ok\":1}"));
    let toml = format!(
        "{INBOX}{LISTEN}{}",
        route(&signed("delivery = \"try\""), "hash = [\"/email\"]\ndrop = [\"/name\"]")
    );
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let body = r#"{"id":1,"name":"Ann","email":"Ann@example.com"}"#;
    let head = format!("X-GitHub-Delivery: 1\r\n{}", signature(body));

    let answer = Client::without_certificate(&pki, &clawgate).send(&post(&head, body));

    assert_eq!((answer.status, &answer.json()["ok"]), (200, &1.into()));
    let received = backend.first();
    let shaped: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
    assert!(
        shaped["email"].as_str().unwrap().starts_with('k') && shaped.get("name").is_none(),
        "{shaped}"
    );
    assert_eq!(received.value("x-hub-signature-256"), None);
    let line = clawgate.request();
    assert_eq!(line["shaped"], serde_json::json!(["drop /name", "hash /email"]));
    assert_eq!((&line["signature_scheme"], &line["route"]), (&"github".into(), &PATH.into()));
}

#[test]
fn an_event_that_cannot_be_shaped_is_not_stored_and_may_come_again() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("{INBOX}{}", route("delivery = \"inbox\"", "hash = [\"/email\"]"));
    let toml = format!("privacy.hash_key_file = \"@/key\"\n{toml}");
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let send =
        |body: &str| Client::new(&pki, &clawgate).send(&post("Idempotency-Key: 1\r\n", body)).status;

    assert_eq!([send(r#"{"email":[1]}"#), send(r#"{"email":null}"#)], [422, 202]);

    eventually("the event", || (backend.received().len() == 1).then_some(()));
    assert_eq!(backend.first().body, br#"{"email":null}"#);
}
