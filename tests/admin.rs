//! The admin listener: health, metrics and status, for the machine's own people only.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;

use crate::support::backend::Backend;
use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::{Leaf, Pki};
use crate::support::sender::{Sender, connect};
use crate::support::{Latch, eventually, nobody, plain};

const PATHS: [&str; 4] = ["/livez", "/readyz", "/metrics", "/status"];

/// The value of one series, e.g. `clawgate_generation`.
fn metric(gate: &Gate, series: &str) -> u64 {
    let answer = plain::get(gate.admin(), "/metrics");
    let text = String::from_utf8(answer.body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
}

/// How many files the process has open.
fn files(gate: &Gate) -> usize {
    fs::read_dir(format!("/proc/{}/fd", gate.pid())).unwrap().count()
}

#[test]
fn a_gate_that_runs_is_alive_and_ready() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").admin().start();

    for path in ["/livez", "/readyz"] {
        assert_eq!(plain::get(gate.admin(), path).status, 200, "{path}");
        assert_eq!(plain::request(gate.admin(), "HEAD", path).status, 200, "{path}");
    }
}

#[test]
fn a_gate_that_drains_is_alive_but_not_ready() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut gate = GateCommand::new(&pki).upstream(backend.url()).admin().start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    sender.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    backend.first();

    gate.signal("TERM");

    eventually("readyz to tell", || (plain::get(gate.admin(), "/readyz").status == 503).then_some(()));
    assert_eq!(plain::get(gate.admin(), "/livez").status, 200);
    let status = plain::get(gate.admin(), "/status").json();
    assert_eq!((&status["draining"], &status["connections"]), (&true.into(), &1.into()));
    latch.open();
    assert_eq!(sender.answer().status, 200);
    drop(sender);
    assert_eq!(gate.wait().code(), Some(0));
}

#[test]
fn requests_are_counted_by_status_and_by_reason() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, request| match request.body.len() {
        0 => exchange.answer("500 Oh", "text/plain", ""),
        _ => exchange.answer("200 OK", "text/plain", ""),
    });
    let gate = GateCommand::new(&pki).upstream(backend.url()).admin().start();
    let routed = |route, status| {
        let labels = format!("{{route=\"{route}\",status=\"{status}\"}}");
        metric(&gate, &format!("clawgate_requests_total{labels}"))
    };
    let count = |status| routed("/hooks/", status) + routed("none", status);
    let reason = |reason| metric(&gate, &format!("clawgate_rejections_total{{reason=\"{reason}\"}}"));
    assert_eq!((count("2xx"), count("4xx"), count("5xx"), reason("no_route")), (0, 0, 0, 0));

    for (path, body) in [("/hooks/a", "x"), ("/hooks/b", "x"), ("/hooks/c", ""), ("/other", "")] {
        Sender::new(&pki, &gate).post(path, body);
    }

    gate.event("request", 4);
    assert_eq!((count("2xx"), count("4xx"), count("5xx"), reason("no_route")), (2, 1, 1, 1));
    assert_eq!(reason("method_not_allowed"), 0);
    assert_eq!((routed("/hooks/", "2xx"), routed("none", "4xx")), (2, 1));
    assert_eq!(metric(&gate, r#"clawgate_request_duration_seconds_count{route="/hooks/"}"#), 3);
    assert_eq!(metric(&gate, r#"clawgate_upstream_duration_seconds_count{route="/hooks/"}"#), 3);
    assert_eq!(metric(&gate, "clawgate_received_bytes_total"), 2);
    assert_eq!(metric(&gate, "clawgate_requests_in_flight"), 0);
}

#[test]
fn connections_are_counted_as_let_in_refused_and_open() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").admin().start();
    let missing = r#"clawgate_handshakes_refused_total{reason="client_cert_missing"}"#;
    let admitted = "clawgate_handshakes_admitted_total";
    assert_eq!((metric(&gate, missing), metric(&gate, admitted)), (0, 0));

    let versions = [&rustls::version::TLS13];
    for _ in 0..2 {
        Sender::with_versions(&pki, &gate, None, &versions).refused();
    }
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    sender.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    sender.answer();

    gate.event("handshake_failed", 2);
    assert_eq!((metric(&gate, missing), metric(&gate, admitted)), (2, 1));
    assert_eq!(metric(&gate, "clawgate_connections"), 1);
    drop(sender);
    eventually("the end of the connection", || {
        (metric(&gate, "clawgate_connections") == 0).then_some(())
    });
}

#[test]
fn status_says_what_runs() {
    let pki = Pki::new();
    let upstream = "http://127.0.0.1:18789";
    let gate = GateCommand::new(&pki).upstream(upstream).admin().arg("--path", "/hooks/wake").start();

    let answer = plain::get(gate.admin(), "/status");

    assert_eq!(answer.header("content-type"), Some("application/json"));
    let status = answer.json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&status["generation"], &status["draining"]), (&1.into(), &false.into()));
    assert_eq!(status["pid"], gate.pid());
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
    let gate = GateCommand::new(&pki).upstream("echo:").admin().arg("--hook-token-file", token).start();
    Sender::new(&pki, &gate).post("/hooks/wake", "{}");
    gate.request();

    for path in PATHS {
        let answer = plain::get(gate.admin(), path);
        assert!(!String::from_utf8(answer.body).unwrap().contains("the-secret"), "{path}");
    }
    assert!(!gate.lines().concat().contains("the-secret"));
}

#[test]
fn it_takes_no_other_method_and_no_other_path() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").admin().start();

    for path in PATHS {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            assert_eq!(plain::request(gate.admin(), method, path).status, 405, "{method} {path}");
        }
    }
    for path in ["/", "/metrics/", "/hooks/wake", "/livez/x"] {
        assert_eq!(plain::get(gate.admin(), path).status, 404, "{path}");
    }
}

#[test]
fn its_address_is_in_the_log_and_it_can_be_off() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").admin().start();
    let address = gate.admin();
    assert_eq!(gate.event("started", 1)["admin"], address.to_string());
    assert!(address.ip().is_loopback());
    assert_ne!(address.port(), gate.address().port());

    let gate = GateCommand::new(&pki).upstream("echo:").arg("--admin", "off").start();
    assert_eq!(gate.event("started", 1)["admin"], serde_json::Value::Null);
}

#[test]
fn senders_do_not_reach_it() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let gate = GateCommand::new(&pki).upstream(backend.url()).admin().start();
    // Even where every path is open, they are the upstream's paths.
    let open = GateCommand::new(&pki)
        .upstream(backend.url())
        .admin()
        .arg("--path", "/")
        .arg("--method", "any")
        .start();

    for path in PATHS {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = Sender::new(&pki, &gate).send(&request);
        assert_eq!((answer.status, &*answer.reason()), (404, "no_route"), "{path}");
        assert_eq!(Sender::new(&pki, &open).send(&request).body, br#"{"ok":true}"#, "{path}");
    }

    assert_eq!(backend.received().len(), PATHS.len());
}

#[test]
fn an_address_that_others_can_reach_is_refused_at_the_start() {
    let pki = Pki::new();
    for address in ["0.0.0.0:9443", "[::]:9443", "192.0.2.1:9443"] {
        let output = GateCommand::new(&pki).upstream("echo:").arg("--admin", address).output();

        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.stderr.contains("--admin"), "{output:?}");
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn readiness_tells_of_certificates_cas_and_of_an_upstream_that_is_away_without_giving_up() {
    let pki = Pki::new();
    let away = nobody();
    let gate = GateCommand::new(&pki).upstream(format!("http://{away}")).admin().start();

    let answer = plain::get(gate.admin(), "/readyz");

    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!((answer.status, text.lines().next()), (200, Some("ready")));
    for line in ["certificate ", "client CA CN=Test Root", "takes no connections: Connection refused"] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_gate_whose_certificate_expires_is_not_ready_any_more() {
    let pki = Pki::new();
    let short = Leaf::server().valid(-60, 3).issued_by(&pki.intermediate, &[&pki.intermediate]);
    let gate = GateCommand::new(&pki).upstream("echo:").arg("--watch", "false").admin();
    let (_, _) = pki.files("server", &short);
    let gate = gate.start();

    eventually("the end of readiness", || {
        (plain::get(gate.admin(), "/readyz").status == 503).then_some(())
    });

    let text = String::from_utf8(plain::get(gate.admin(), "/readyz").body).unwrap();
    assert!(text.starts_with("not ready: no certificate of the gate is valid\n"), "{text}");
    assert_eq!(plain::get(gate.admin(), "/livez").status, 200);
}

#[test]
fn the_last_refusals_are_told_with_all_their_fields_the_newest_first() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").admin().start();
    let expired = pki.client(Leaf::client("late").valid(-7200, -3600));
    let _ = Sender::with_identity(&pki, &gate, &expired).refused();
    let _ = Sender::with_versions(&pki, &gate, None, &[&rustls::version::TLS13]).refused();
    gate.event("handshake_failed", 2);

    let refusals = plain::get(gate.admin(), "/status").json()["refusals"].clone();

    let reasons: Vec<_> = refusals.as_array().unwrap().iter().map(|line| &line["reason"]).collect();
    assert_eq!(reasons, ["client_cert_missing", "client_cert_expired"]);
    assert_eq!(refusals[1]["client_cert"]["fingerprint_sha256"], expired.fingerprint());
    assert!(refusals[1]["hint"].is_string() && refusals[1]["timestamp"].is_string());
}

#[test]
fn where_others_can_connect_all_but_health_asks_for_the_token() {
    let pki = Pki::new();
    let token = pki.file("admin-token", "let-me-in\n");
    let gate = GateCommand::new(&pki)
        .upstream("echo:")
        .arg("--admin", "0.0.0.0:0")
        .arg("--admin-token-file", token)
        .start();
    let address = ([127, 0, 0, 1], gate.admin().port()).into();
    let ask = |method: &str, path: &str, token: &str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n\r\n"
        );
        plain::exchange(address, request.as_bytes()).unwrap().status
    };

    for path in ["/metrics", "/status", "/nowhere"] {
        assert_eq!((ask("GET", path, "guess"), plain::get(address, path).status), (401, 401), "{path}");
    }
    assert_eq!((ask("GET", "/livez", "guess"), ask("GET", "/readyz", "")), (200, 200));
    assert_eq!((ask("POST", "/reload", "guess"), ask("POST", "/reload", "let-me-in")), (401, 200));
    assert_eq!((ask("GET", "/metrics", "let-me-in"), ask("GET", "/status", "let-me-in")), (200, 200));

    pki.file("admin-token", "another");
    gate.signal("HUP");
    gate.event("reloaded", 2);
    assert_eq!((ask("GET", "/status", "let-me-in"), ask("GET", "/status", "another")), (401, 200));
}

#[test]
fn no_reload_takes_the_token_off_a_listener_that_others_can_reach() {
    let pki = Pki::new();
    let token = pki.file("admin-token", "let-me-in");
    let open = format!("[admin]\naddress = \"0.0.0.0:0\"\ntoken_file = {token:?}\n");
    let config = pki.file("gate.toml", open);
    let gate =
        GateCommand::new(&pki).without_env("CLAWGATE_ADMIN").arg("--config", config).upstream("echo:");
    let gate = gate.start();
    let address = ([127, 0, 0, 1], gate.admin().port()).into();

    for (number, admin) in ["127.0.0.1:9443", "off"].into_iter().enumerate() {
        pki.file("gate.toml", format!("[admin]\naddress = {admin:?}\n"));
        gate.signal("HUP");
        gate.event("reloaded", number + 1);
        assert_eq!(plain::get(address, "/status").status, 401, "after a reload to {admin}");
    }
}

#[test]
fn readiness_is_one_line_for_whoever_may_not_ask_for_the_status() {
    let pki = Pki::new();
    let token = pki.file("admin-token", "let-me-in");
    let away = nobody();
    let gate = GateCommand::new(&pki).upstream(format!("http://{away}")).arg("--admin", "127.0.0.1:0");
    let guarded = gate.arg("--admin-token-file", token).start();
    let open = GateCommand::new(&pki).upstream(format!("http://{away}")).admin().start();
    let ready = |gate: &Gate, fields: &str| {
        let request = format!("GET /readyz HTTP/1.1\r\n{fields}Connection: close\r\n\r\n");
        let answer = plain::exchange(gate.admin(), request.as_bytes()).unwrap();
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    // A reload that fails is among what only those are told.
    pki.file("server.pem", "no certificate");
    for gate in [&guarded, &open] {
        gate.signal("HUP");
        gate.event("reload_failed", 1);
    }

    let first = (200, "ready\n".to_owned());
    assert_eq!(ready(&guarded, "Host: localhost\r\n"), first);
    assert_eq!(ready(&guarded, "Host: localhost\r\nAuthorization: Bearer guess\r\n"), first);
    // By a name that leads here: a page in a browser.
    assert_eq!(ready(&open, "Host: evil.example\r\n"), first);
    let all = [
        ready(&guarded, "Host: localhost\r\nAuthorization: Bearer let-me-in\r\n"),
        ready(&open, "Host: localhost\r\n"),
    ];
    for (status, text) in all {
        let told = ["ready\n", "CN=Test Root", &away.to_string(), "the last reload failed"];
        assert!(status == 200 && told.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn the_oldest_connection_gives_way_and_the_process_does_not_run_out_of_files() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").admin().start();
    let silent: Vec<_> = (0..200).map(|_| connect(gate.admin())).collect();

    assert_eq!(plain::get(gate.admin(), "/livez").status, 200);

    let mut oldest = &silent[0];
    assert!(!matches!(oldest.read(&mut [0]), Ok(1..)));
    assert!(files(&gate) < 100);
}

/// Takes as long as a client is waited for, 10 s.
#[test]
fn connections_without_a_request_and_with_answers_that_are_not_read_end_after_a_while() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").admin().start();
    let before = files(&gate);
    let (silent, mut unread) = (connect(gate.admin()), connect(gate.admin()));
    unread.set_nonblocking(true).unwrap();

    // More answers than the sockets' buffers hold.
    let requests = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    eventually("clawgate to read no more", || {
        unread.write(&requests).is_err_and(|error| error.kind() == ErrorKind::WouldBlock).then_some(())
    });
    eventually("both to be accepted", || (files(&gate) >= before + 2).then_some(()));

    eventually("the end of both", || (files(&gate) <= before).then_some(()));
    drop((silent, unread));
}

#[test]
fn a_unix_socket_serves_its_owner_and_is_gone_afterwards() {
    let pki = Pki::new();
    let path = pki.dir().join("admin.sock");
    // One that a gate without an orderly end has left.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let unix = format!("unix:{}", path.display());
    let mut gate = GateCommand::new(&pki).upstream("echo:").arg("--admin", &unix).start();

    let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
    socket.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("alive\n"), "{answer}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let second = GateCommand::new(&pki).upstream("echo:").arg("--admin", &unix).refused();
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("admin.address"), "{}", second.stderr);

    gate.stop();
    assert!(!path.exists());
}

#[test]
fn no_page_can_ask_by_a_name_that_it_leads_here() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").admin().start();

    let request = b"GET /status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";

    assert_eq!(plain::exchange(gate.admin(), request).unwrap().status, 403);
}
