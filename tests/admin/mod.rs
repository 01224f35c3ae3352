//! The admin listener: health, metrics and status.

mod access;
mod health;

use std::fs;
use std::io::{ErrorKind, Read, Write};

use crate::support::backend::Backend;
use crate::support::client::{Client, connect};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, plain};

const PATHS: [&str; 4] = ["/livez", "/readyz", "/metrics", "/status"];

/// The value of one series, e.g. `clawgate_generation`.
fn metric(clawgate: &Clawgate, series: &str) -> u64 {
    let answer = plain::get(clawgate.admin(), "/metrics");
    let text = String::from_utf8(answer.body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

/// How many files the process has open.
fn files(clawgate: &Clawgate) -> usize {
    fs::read_dir(format!("/proc/{}/fd", clawgate.pid())).unwrap().count()
}

#[test]
fn requests_are_counted_by_status_and_by_reason() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, request| match request.body.len() {
        0 => exchange.answer("500 Oh", "text/plain", ""),
        _ => exchange.answer("200 OK", "text/plain", ""),
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).admin().start();
    let routed = |route, status| {
        let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
        metric(&clawgate, &format!("clawgate_requests_total{labels}"))
    };
    let count = |status| routed("/hooks/", status) + routed("none", status);
    let reason =
        |reason| metric(&clawgate, &format!("clawgate_rejections_total{{reason=\"{reason}\"}}"));
    assert_eq!((count("2xx"), count("4xx"), count("5xx"), reason("no_route")), (0, 0, 0, 0));

    for (path, body) in [("/hooks/a", "x"), ("/hooks/b", "x"), ("/hooks/c", ""), ("/other", "")] {
        Client::new(&pki, &clawgate).post(path, body);
    }

    clawgate.event("request", 4);
    assert_eq!((count("2xx"), count("4xx"), count("5xx"), reason("no_route")), (2, 1, 1, 1));
    assert_eq!(reason("method_not_allowed"), 0);
    assert_eq!((routed("/hooks/", "2xx"), routed("none", "4xx")), (2, 1));
    assert_eq!(metric(&clawgate, r#"clawgate_request_duration_seconds_count{route="/hooks/"}"#), 3);
    assert_eq!(metric(&clawgate, r#"clawgate_upstream_duration_seconds_count{route="/hooks/"}"#), 3);
    assert_eq!(metric(&clawgate, "clawgate_received_bytes_total"), 2);
    assert_eq!(metric(&clawgate, "clawgate_requests_in_flight"), 0);
}

#[test]
fn connections_are_counted_as_admitted_refused_and_open() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let missing = r#"clawgate_handshakes_refused_total{reason="client_cert_missing"}"#;
    let admitted = "clawgate_handshakes_admitted_total";
    assert_eq!((metric(&clawgate, missing), metric(&clawgate, admitted)), (0, 0));

    let versions = [&rustls::version::TLS13];
    for _ in 0..2 {
        Client::with_versions(&pki, &clawgate, None, &versions).refused();
    }
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    client.answer();

    clawgate.event("handshake_failed", 2);
    assert_eq!((metric(&clawgate, missing), metric(&clawgate, admitted)), (2, 1));
    assert_eq!(metric(&clawgate, "clawgate_connections"), 1);
    drop(client);
    eventually("the end of the connection", || {
        (metric(&clawgate, "clawgate_connections") == 0).then_some(())
    });
}

#[test]
fn status_says_what_runs() {
    let pki = Pki::new();
    let upstream = "http://127.0.0.1:18789";
    let clawgate =
        ClawgateCommand::new(&pki).upstream(upstream).admin().arg("--path", "/hooks/wake").start();

    let answer = plain::get(clawgate.admin(), "/status");

    assert_eq!(answer.header("content-type"), Some("application/json"));
    let status = answer.json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&status["generation"], &status["draining"]), (&1.into(), &false.into()));
    assert_eq!(status["pid"], clawgate.pid());
    assert_eq!(status["certificates"][0]["subject"], "O=Example,CN=gate");
    assert_eq!(status["certificates"][0]["fingerprint_sha256"], pki.server.fingerprint());
    assert!(status["certificates"][0]["not_after"].as_str().unwrap().ends_with('Z'), "{status}");
    assert_eq!(status["client_cas"][0]["subject"], "CN=Test Root");
    let routes = serde_json::json!([
        { "path": "/hooks/wake", "methods": "POST", "upstream": upstream }
    ]);
    assert_eq!(status["routes"], routes);
}

#[test]
fn status_and_log_hold_no_token() {
    let pki = Pki::new();
    let token = pki.file("token", "the-secret-token\n");
    let clawgate =
        ClawgateCommand::new(&pki).upstream("echo:").admin().arg("--hook-token-file", token).start();
    Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    clawgate.request();

    for path in PATHS {
        let answer = plain::get(clawgate.admin(), path);
        assert!(!String::from_utf8(answer.body).unwrap().contains("the-secret"), "{path}");
    }
    assert!(!clawgate.lines().concat().contains("the-secret"));
}

#[test]
fn it_takes_no_other_method_and_no_other_path() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();

    for path in PATHS {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            assert_eq!(plain::request(clawgate.admin(), method, path).status, 405, "{method} {path}");
        }
    }
    for path in ["/console", "/metrics/", "/hooks/wake", "/livez/x"] {
        assert_eq!(plain::get(clawgate.admin(), path).status, 404, "{path}");
    }
}

#[test]
fn the_last_refusals_are_listed_with_all_their_fields_the_newest_first() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let expired = pki.client(Leaf::client("late").valid(-7200, -3600));
    let _ = Client::with_identity(&pki, &clawgate, &expired).refused();
    let _ = Client::with_versions(&pki, &clawgate, None, &[&rustls::version::TLS13]).refused();
    clawgate.event("handshake_failed", 2);

    let refusals = plain::get(clawgate.admin(), "/status").json()["refusals"].clone();

    let reasons: Vec<_> = refusals.as_array().unwrap().iter().map(|line| &line["reason"]).collect();
    assert_eq!(reasons, ["client_cert_missing", "client_cert_expired"]);
    assert_eq!(refusals[1]["client_cert"]["fingerprint_sha256"], expired.fingerprint());
    assert!(refusals[1]["hint"].is_string() && refusals[1]["timestamp"].is_string());
}

#[test]
fn the_oldest_connection_is_closed_and_the_process_does_not_run_out_of_files() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let silent: Vec<_> = (0..200).map(|_| connect(clawgate.admin())).collect();

    assert_eq!(plain::get(clawgate.admin(), "/livez").status, 200);

    let mut oldest = &silent[0];
    assert!(!matches!(oldest.read(&mut [0]), Ok(1..)));
    assert!(files(&clawgate) < 100);
}

/// Takes as long as a client is waited for, 10 s.
#[test]
fn connections_without_a_request_and_with_answers_that_are_not_read_end_after_a_while() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let before = files(&clawgate);
    let (silent, mut unread) = (connect(clawgate.admin()), connect(clawgate.admin()));
    unread.set_nonblocking(true).unwrap();

    // More answers than the sockets' buffers hold.
    let requests = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    eventually("clawgate to read no more", || {
        unread.write(&requests).is_err_and(|error| error.kind() == ErrorKind::WouldBlock).then_some(())
    });
    eventually("both to be accepted", || (files(&clawgate) >= before + 2).then_some(()));

    eventually("the end of both", || (files(&clawgate) <= before).then_some(()));
    drop((silent, unread));
}
