//! `clients.refuse_with = "http"`: a refused sender gets an HTTP answer, and nothing else.

use crate::support::backend::Backend;
use crate::support::gate::{Gate, GateCommand};
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::sender::{Answer, Sender};

use http::Request;
use rustls::version::{TLS12, TLS13};

fn start(pki: &Pki, backend: &Backend) -> Gate {
    GateCommand::new(pki).upstream(backend.url()).arg("--refuse-with", "http").start()
}

/// A POST of a sender that is to be refused.
fn post(pki: &Pki, gate: &Gate, identity: Option<&Identity>) -> Answer {
    Sender::with_versions(pki, gate, identity, &[&TLS13]).post("/hooks/wake", "{}")
}

#[test]
fn a_refused_sender_is_answered_403_with_the_reason_and_the_id_of_the_log_line() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut gate = start(&pki, &backend);
    let expired = pki.client(Leaf::client("late").valid(-7200, -3600));

    let answer = post(&pki, &gate, Some(&expired));

    assert_eq!(answer.status, 403);
    assert_eq!(answer.reason(), "client_cert_expired");
    let failure = gate.failure();
    assert_eq!(failure["reason"], "client_cert_expired");
    assert_eq!(answer.json()["id"], failure["id"]);
    assert_eq!(failure["alert_sent"], serde_json::Value::Null);
    assert_eq!(failure["client_cert"]["fingerprint_sha256"], expired.fingerprint());
    assert_eq!(backend.connections(), 0);
    assert!(gate.all("request").is_empty());
}

#[test]
fn the_answer_names_neither_the_cas_nor_the_rules_of_the_gate() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let gate = start(&pki, &backend);
    let foreign = Leaf::client("stranger").issued_by(&Ca::root("Elsewhere"), &[]);

    let answer = post(&pki, &gate, Some(&foreign));

    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("client_cert_unknown_ca"), "{text}");
    assert!(!text.contains("Test Root"), "{text}");
}

#[test]
fn a_sender_without_a_certificate_is_answered_over_both_versions_of_tls_and_of_http() {
    for version in [&TLS12, &TLS13] {
        let pki = Pki::new();
        let backend = Backend::ok();
        let gate = start(&pki, &backend);

        let answer = Sender::with_versions(&pki, &gate, None, &[version]).post("/hooks/wake", "{}");
        assert_eq!((answer.status, &*answer.reason()), (403, "client_cert_missing"));

        let sender = Sender::with_versions(&pki, &gate, None, &[version]);
        let request = Request::post("https://localhost/hooks/wake").body(Pieces::of([b"{}"])).unwrap();
        let answer = Http2::connect(sender).send(request);
        assert_eq!((answer.status, &*answer.reason()), (403, "client_cert_missing"));
        gate.event("handshake_failed", 2);
        assert_eq!(backend.connections(), 0);
    }
}

#[test]
fn a_sender_that_does_not_hold_the_key_is_refused_though_the_handshake_completes() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let gate = start(&pki, &backend);
    let thief = pki.client(Leaf::client("thief"));

    let sender = Sender::with_versions(&pki, &gate, None, &[&TLS13]);
    let answer = sender.presenting(&pki.client.chain, &thief).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (403, "client_key_mismatch"));
    assert_eq!(backend.connections(), 0);
}

#[test]
fn only_one_request_is_answered_and_the_connection_closes() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let gate = start(&pki, &backend);
    let mut connection = Sender::with_versions(&pki, &gate, None, &[&TLS13]).connect().unwrap();

    connection.write(b"GET /any HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(connection.answer().status, 403);

    assert!(connection.is_closed());
}

#[test]
fn a_good_sender_is_served_as_ever() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut gate = start(&pki, &backend);

    assert_eq!(Sender::new(&pki, &gate).post("/hooks/wake", "{}").status, 200);

    assert!(gate.all("handshake_failed").is_empty());
    assert_eq!(backend.received().len(), 1);
}
