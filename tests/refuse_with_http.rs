//! `clients.refuse_with = "http"`: a refused sender gets an HTTP answer, and nothing else.

use crate::support::backend::Backend;
use crate::support::frames::{DATA, END_STREAM, Frame, GOAWAY, SETTINGS, frame, read_frame, request};
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

/// Java's HttpClient gives up all requests of a connection at GOAWAY.
#[test]
fn over_http2_the_answer_is_complete_before_the_end_of_the_connection_is_announced() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let gate = start(&pki, &backend);
    let sender = Sender::with_versions(&pki, &gate, None, &[&TLS13]).alpn(&["h2"]);
    let mut connection = sender.connect().unwrap();

    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    connection.write(&[frame(SETTINGS, 0, 0, &[]), request(1)].concat());

    let frames = std::iter::repeat_with(|| read_frame(&mut connection));
    let before: Vec<_> = frames.take_while(|frame| frame.kind != GOAWAY).collect();
    let is_end =
        |frame: &Frame| frame.stream == 1 && frame.kind == DATA && frame.flags & END_STREAM != 0;
    let kinds: Vec<_> = before.iter().map(|frame| frame.kind).collect();
    assert!(before.iter().any(is_end), "kinds of frames before GOAWAY: {kinds:?}");
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
