//! `clients.refuse_with = "http"`: a refused client gets an HTTP answer, and nothing else.

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::frames::{DATA, END_STREAM, Frame, GOAWAY, SETTINGS, frame, read_frame, request};
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

use http::Request;
use rustls::version::{TLS12, TLS13};

fn start(pki: &Pki, backend: &Backend) -> Clawgate {
    ClawgateCommand::new(pki).upstream(backend.url()).arg("--refuse-with", "http").start()
}

/// A POST of a client that is to be refused.
fn post(pki: &Pki, clawgate: &Clawgate, identity: Option<&Identity>) -> Answer {
    Client::with_versions(pki, clawgate, identity, &[&TLS13]).post("/hooks/wake", "{}")
}

#[test]
fn a_refused_client_is_answered_403_with_the_reason_and_the_id_of_the_log_line() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate = start(&pki, &backend);
    let expired = pki.client(Leaf::client("late").valid(-7200, -3600));

    let answer = post(&pki, &clawgate, Some(&expired));

    assert_eq!(answer.status, 403);
    assert_eq!(answer.reason(), "client_cert_expired");
    let failure = clawgate.failure();
    assert_eq!(failure["reason"], "client_cert_expired");
    assert_eq!(answer.json()["id"], failure["id"]);
    assert_eq!(failure["alert_sent"], serde_json::Value::Null);
    assert_eq!(failure["client_cert"]["fingerprint_sha256"], expired.fingerprint());
    assert_eq!(backend.connections(), 0);
    assert!(clawgate.all("request").is_empty());
}

#[test]
fn the_answer_names_neither_the_cas_nor_the_rules_of_clawgate() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(&pki, &backend);
    let foreign = Leaf::client("stranger").issued_by(&Ca::root("Elsewhere"), &[]);

    let answer = post(&pki, &clawgate, Some(&foreign));

    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("client_cert_unknown_ca"), "{text}");
    assert!(!text.contains("Test Root"), "{text}");
}

#[test]
fn a_client_without_a_certificate_is_answered_over_both_versions_of_tls_and_of_http() {
    for version in [&TLS12, &TLS13] {
        let pki = Pki::new();
        let backend = Backend::ok();
        let clawgate = start(&pki, &backend);

        let answer = Client::with_versions(&pki, &clawgate, None, &[version]).post("/hooks/wake", "{}");
        assert_eq!((answer.status, &*answer.reason()), (403, "client_cert_missing"));

        let client = Client::with_versions(&pki, &clawgate, None, &[version]);
        let request = Request::post("https://localhost/hooks/wake").body(Pieces::of([b"{}"])).unwrap();
        let answer = Http2::connect(client).send(request);
        assert_eq!((answer.status, &*answer.reason()), (403, "client_cert_missing"));
        clawgate.event("handshake_failed", 2);
        assert_eq!(backend.connections(), 0);
    }
}

#[test]
fn a_client_that_does_not_hold_the_key_is_refused_though_the_handshake_completes() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(&pki, &backend);
    let thief = pki.client(Leaf::client("thief"));

    let client = Client::with_versions(&pki, &clawgate, None, &[&TLS13]);
    let answer = client.presenting(&pki.client.chain, &thief).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (403, "client_key_mismatch"));
    assert_eq!(backend.connections(), 0);
}

#[test]
fn only_one_request_is_answered_and_the_connection_closes() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(&pki, &backend);
    let mut connection = Client::with_versions(&pki, &clawgate, None, &[&TLS13]).connect().unwrap();

    connection.write(b"GET /any HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(connection.answer().status, 403);

    assert!(connection.is_closed());
}

/// Java's HttpClient gives up all requests of a connection at GOAWAY.
#[test]
fn over_http2_the_answer_is_complete_before_the_end_of_the_connection_is_announced() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(&pki, &backend);
    let client = Client::with_versions(&pki, &clawgate, None, &[&TLS13]).alpn(&["h2"]);
    let mut connection = client.connect().unwrap();

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
fn a_good_client_is_served_as_ever() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate = start(&pki, &backend);

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);

    assert!(clawgate.all("handshake_failed").is_empty());
    assert_eq!(backend.received().len(), 1);
}
