//! Answers that mean a misconfigured upstream: the client gets them unchanged, the operator one line on what to change.

use serde_json::Value;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

const ATTRIBUTION: &str =
    r#"{"error":{"message":"Proxy attribution required","type":"proxy_attribution_required"}}"#;

fn upstream(status: &'static str, kind: &'static str, body: &'static str) -> Backend {
    Backend::each(move |exchange, _| exchange.answer(status, kind, body))
}

/// Lets one request through and checks that its answer came back untouched; returns the log's lines.
fn answer(clawgate: &Clawgate, pki: &Pki, status: u16, kind: &str, body: &str) -> Vec<Value> {
    let number = clawgate.events("request").len() + 1;
    let answer = Client::new(pki, clawgate).post("/hooks/wake", "{}");
    assert_eq!((answer.status, &*answer.body), (status, body.as_bytes()));
    assert_eq!(answer.header("content-type"), Some(kind));
    assert_eq!(answer.header("x-clawgate-reason"), None);
    // The access line is the last one about a request.
    assert_eq!(clawgate.event("request", number)["reason"], Value::Null);
    clawgate.events("upstream_misconfigured")
}

fn only(lines: &[Value]) -> &Value {
    assert_eq!(lines.len(), 1, "{lines:?}");
    &lines[0]
}

fn hint(line: &Value) -> &str {
    assert_eq!(line["level"], "warn");
    line["hint"].as_str().unwrap()
}

#[test]
fn a_forwarding_header_that_openclaw_refuses_is_explained() {
    let pki = Pki::new();
    let backend = upstream("403 Forbidden", "application/json", ATTRIBUTION);
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let lines = answer(&clawgate, &pki, 403, "application/json", ATTRIBUTION);

    let line = only(&lines);
    assert_eq!(line["problem"], "proxy_attribution");
    assert_eq!(line["status"], 403);
    assert_eq!(line["upstream"], backend.url());
    assert_eq!(line["request"], clawgate.request()["id"]);
    assert!(hint(line).contains("gateway.trustedProxies"), "{line}");
}

#[test]
fn a_missing_token_is_explained_by_the_flag_that_adds_it() {
    let pki = Pki::new();
    let backend = upstream("401 Unauthorized", "text/plain", "Unauthorized");
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let lines = answer(&clawgate, &pki, 401, "text/plain", "Unauthorized");

    let line = only(&lines);
    assert_eq!(line["problem"], "unauthorized");
    assert!(hint(line).contains("--hook-token-file"), "{line}");
}

#[test]
fn a_wrong_token_is_explained_by_where_it_is_from() {
    let pki = Pki::new();
    let token = pki.file("token", "not-the-right-one\n");
    let backend = upstream("401 Unauthorized", "text/plain", "Unauthorized");
    let clawgate =
        ClawgateCommand::new(&pki).upstream(backend.url()).arg("--hook-token-file", &token).start();

    let lines = answer(&clawgate, &pki, 401, "text/plain", "Unauthorized");

    assert_eq!(backend.first().value("authorization"), Some("Bearer not-the-right-one"));
    let line = only(&lines);
    assert!(hint(line).contains(token.to_str().unwrap()), "{line}");
    assert!(hint(line).contains("hooks.token"), "{line}");
    assert!(!clawgate.lines().concat().contains("not-the-right-one"), "the token is in the log");
}

#[test]
fn a_body_limit_below_clawgates_is_explained() {
    let pki = Pki::new();
    let backend = upstream("413 Payload Too Large", "application/json", "{}");
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let lines = answer(&clawgate, &pki, 413, "application/json", "{}");

    let line = only(&lines);
    assert_eq!(line["problem"], "body_limit");
    assert!(hint(line).contains("limits.body"), "{line}");
}

#[test]
fn a_web_page_is_explained_whatever_its_status() {
    for (status, number) in [("200 OK", 200), ("404 Not Found", 404), ("403 Forbidden", 403)] {
        let pki = Pki::new();
        let backend = upstream(status, "text/html; charset=utf-8", "<!doctype html>");
        let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

        let lines = answer(&clawgate, &pki, number, "text/html; charset=utf-8", "<!doctype html>");

        let line = only(&lines);
        assert_eq!((&line["problem"], &line["status"]), (&"web_page".into(), &number.into()));
        assert!(hint(line).contains("hooks.enabled"), "{line}");
    }
}

#[test]
fn the_same_is_said_once_and_something_else_besides() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, request| match request.value("x-want") {
        Some("413") => exchange.answer("413 Payload Too Large", "text/plain", "no"),
        _ => exchange.answer("401 Unauthorized", "text/plain", "no"),
    });
    // Several workers: they have this in common.
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--workers", "2").start();

    for number in 1..=10 {
        let lines = answer(&clawgate, &pki, 401, "text/plain", "no");
        assert_eq!(lines.len(), 1, "after {number}");
    }
    let other =
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX-Want: 413\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(Client::new(&pki, &clawgate).send(other).status, 413);

    let problems: Vec<_> =
        clawgate.all("upstream_misconfigured").iter().map(|line| line["problem"].clone()).collect();
    assert_eq!(problems, ["unauthorized", "body_limit"]);
}

#[test]
fn ordinary_refusals_are_not_explained() {
    let json = "application/json";
    let pki = Pki::new();
    let backend = Backend::each(move |exchange, request| {
        let status = request.value("x-want").unwrap().to_owned();
        exchange.answer(&status, json, r#"{"error":"no"}"#);
    });
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let statuses = [
        "200 OK",
        "400 Bad",
        "403 Forbidden",
        "404 Not Found",
        "409 Conflict",
        "429 Slow",
        "500 Oh",
        "503 Later",
    ];
    for status in statuses {
        let answer = Client::new(&pki, &clawgate).send(&format!(
            "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX-Want: {status}\r\nContent-Length: 0\r\n\r\n"
        ));
        assert_eq!(answer.body, br#"{"error":"no"}"#);
    }

    clawgate.event("request", statuses.len());
    assert!(clawgate.all("upstream_misconfigured").is_empty());
}

#[test]
fn clawgates_own_refusals_are_not_blamed_on_the_upstream() {
    let pki = Pki::new();
    let mut clawgate =
        ClawgateCommand::new(&pki).upstream(Backend::ok().url()).arg("--max-body", "4B").start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "12345");

    assert_eq!((answer.status, &*answer.reason()), (413, "body_too_large"));
    clawgate.request();
    assert!(clawgate.all("upstream_misconfigured").is_empty());
}
