use insta::assert_snapshot;
use serde_json::json;

use super::*;

const PLAIN: Layout = Layout { verbose: false, colour: false, width: Some(100) };

fn show(layout: Layout, level: Level, name: &str, record: Value) -> String {
    let Value::Object(fields) = record else { panic!("a record is an object") };
    let mut out = String::new();
    layout.write(Entry { time: "2026-11-27T12:03:04.567Z", level, name, fields }, &mut out);
    out
}

fn refusal() -> Value {
    json!({
        "id": "c1", "peer": "203.0.113.7:51602", "reason": "client_cert_expired",
        "detail": "the certificate of CN=meeting-notes expired 3 days ago, at 2026-11-24T12:00:00Z; clawgate's clock says 2026-11-27T12:03:04Z",
        "hint": "renew the client's certificate",
        "elapsed_ms": 4, "sni": "hooks.example.com", "tls_versions_offered": ["TLSv1.3", "TLSv1.2"],
        "client_cert": {
            "subject": "CN=meeting-notes", "issuer": "CN=dev CA", "serial": "01",
            "not_before": "2025-11-24T12:00:00Z", "not_after": "2026-11-24T12:00:00Z",
            "fingerprint_sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        },
    })
}

#[test]
fn a_refused_connection_shows_reason_detail_hint_and_certificate() {
    assert_snapshot!(show(PLAIN, Level::WARN, "handshake_failed", refusal()), @r"
    12:03:04Z WARN  handshake_failed  client_cert_expired  203.0.113.7:51602
              the certificate of CN=meeting-notes expired 3 days ago, at 2026-11-24T12:00:00Z;
              clawgate's clock says 2026-11-27T12:03:04Z
              -> renew the client's certificate
              certificate CN=meeting-notes, issued by CN=dev CA, valid until 2026-11-24T12:00:00Z,
              SHA-256 0123456789abcde…
    ");
}

#[test]
fn a_verbose_log_shows_every_field() {
    let verbose = Layout { verbose: true, width: None, ..PLAIN };

    let text = show(verbose, Level::WARN, "handshake_failed", refusal());

    let last = text.lines().last().unwrap();
    assert_snapshot!(last.trim(), @r#"id=c1 elapsed_ms=4 sni=hooks.example.com tls_versions_offered="TLSv1.3, TLSv1.2" client_cert.subject=CN=meeting-notes client_cert.issuer="CN=dev CA" client_cert.serial=01 client_cert.not_before=2025-11-24T12:00:00Z client_cert.not_after=2026-11-24T12:00:00Z client_cert.fingerprint_sha256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"#);
}

#[test]
fn repeated_refusals_are_one_line_with_their_number() {
    let record = json!({
        "reason": "client_cert_missing", "peer": "203.0.113.7",
        "repeated": {"count": 41, "first": "2026-11-27T12:02:04Z", "last": "2026-11-27T12:03:01Z"},
    });

    assert_snapshot!(
        show(PLAIN, Level::WARN, "handshake_failed", record),
        @"12:03:04Z WARN  handshake_failed  client_cert_missing  203.0.113.7  41 more times"
    );
}

#[test]
fn a_failed_delivery_names_the_client_and_says_what_to_do() {
    let record = json!({
        "id": "c1-1", "peer": "203.0.113.7:51602", "cn": "meeting-notes", "san": ["dns:meeting-notes.example"],
        "fingerprint_sha256": "01", "tls_version": "TLSv1.3", "upstream": "http://127.0.0.1:18789",
        "reason": "upstream_unavailable", "detail": "the upstream gave no answer: connection refused",
        "hint": "start the upstream, or correct upstream.url",
    });

    assert_snapshot!(show(PLAIN, Level::WARN, "delivery_failed", record), @r"
    12:03:04Z WARN  delivery_failed  upstream_unavailable  meeting-notes  203.0.113.7:51602
              the upstream gave no answer: connection refused
              -> start the upstream, or correct upstream.url
    ");
}

#[test]
fn a_request_is_one_line() {
    let record = json!({
        "id": "c1-1", "peer": "203.0.113.7:51602", "cn": "meeting-notes", "fingerprint_sha256": "01", "method": "POST",
        "path": "/hooks/wake", "route": "/hooks/", "status": 200, "reason": null, "detail": null, "bytes_in": 2,
        "duration_ms": 1.234, "upstream": "http://127.0.0.1:18789", "upstream_ms": 1.1,
    });

    assert_snapshot!(
        show(PLAIN, Level::INFO, "request", record),
        @"12:03:04Z INFO  200  POST  /hooks/wake  meeting-notes  203.0.113.7:51602  1.2 ms"
    );
}

#[test]
fn a_refused_request_shows_its_reason_and_detail() {
    let record = json!({
        "id": "c1-1", "peer": "203.0.113.7:51602", "cn": "meeting-notes", "method": "POST", "path": "/other",
        "status": 404, "reason": "no_route", "detail": "no route is open for /other", "duration_ms": 0.1,
    });

    assert_snapshot!(show(PLAIN, Level::INFO, "request", record), @r"
    12:03:04Z INFO  404  POST  /other  no_route  meeting-notes  203.0.113.7:51602  0.1 ms
              no route is open for /other
    ");
}

#[test]
fn a_long_name_is_cut() {
    let record =
        json!({"status": 200, "path": "/hooks/".to_owned() + &"x".repeat(200), "cn": "y".repeat(200)});

    let text = show(PLAIN, Level::INFO, "request", record);

    assert!(text.chars().count() < 200, "{text}");
    assert!(text.contains('…'), "{text}");
}

#[test]
fn another_event_shows_its_fields_but_no_inner_objects() {
    let record = json!({
        "version": "0.1.0", "listen": ["127.0.0.1:8443"], "admin": null, "workers": 2,
        "certificates": [{"subject": "CN=gate"}], "client_cas": ["CN=a", "CN=b, O=c"],
    });

    assert_snapshot!(show(PLAIN, Level::INFO, "started", record), @r#"
    12:03:04Z INFO  started
              version=0.1.0 listen=127.0.0.1:8443 workers=2 certificates=[1] client_cas="CN=a, CN=b,
              O=c"
    "#);
}

#[test]
fn a_message_of_another_crate_cannot_move_the_cursor() {
    let record = json!({"message": "gone\u{1b}[2J\r\nwrong"});

    assert_snapshot!(show(PLAIN, Level::DEBUG, "hyper::proto", record), @r"
    12:03:04Z DEBUG hyper::proto
              gone\u{1b}[2J\r
              wrong
    ");
}

#[test]
fn colours_are_used_on_request_alone() {
    let colour = Layout { colour: true, ..PLAIN };

    assert!(!show(PLAIN, Level::WARN, "handshake_failed", refusal()).contains('\u{1b}'));
    assert!(
        show(colour, Level::WARN, "handshake_failed", refusal()).contains("\u{1b}[1m\u{1b}[33mWARN")
    );
}
