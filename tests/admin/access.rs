//! Addresses and authentication of the admin listener.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use super::PATHS;
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::plain;
use crate::support::process::ClawgateCommand;

#[test]
fn its_address_is_in_the_log_and_it_can_be_off() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let address = clawgate.admin();
    assert_eq!(clawgate.event("started", 1)["admin"], address.to_string());
    assert!(address.ip().is_loopback());
    assert_ne!(address.port(), clawgate.address().port());

    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--admin", "off").start();
    assert_eq!(clawgate.event("started", 1)["admin"], serde_json::Value::Null);
}

#[test]
fn clients_do_not_reach_it() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).admin().start();
    // Even where every path is open, they are the upstream's paths.
    let open = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .admin()
        .arg("--path", "/")
        .arg("--method", "any")
        .start();

    for path in PATHS {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = Client::new(&pki, &clawgate).send(&request);
        assert_eq!((answer.status, &*answer.reason()), (404, "no_route"), "{path}");
        assert_eq!(Client::new(&pki, &open).send(&request).body, br#"{"ok":true}"#, "{path}");
    }

    assert_eq!(backend.received().len(), PATHS.len());
}

#[test]
fn an_address_that_others_can_reach_is_refused_at_the_start() {
    let pki = Pki::new();
    for address in ["0.0.0.0:9443", "[::]:9443", "192.0.2.1:9443"] {
        let output = ClawgateCommand::new(&pki).upstream("echo:").arg("--admin", address).output();

        assert_eq!(output.code, Some(78), "{output:?}");
        assert!(output.stderr.contains("--admin"), "{output:?}");
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn where_others_can_connect_all_but_health_asks_for_the_token() {
    let pki = Pki::new();
    let token = pki.file("admin-token", "let-me-in\n");
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--admin", "0.0.0.0:0")
        .arg("--admin-token-file", token)
        .start();
    let address = ([127, 0, 0, 1], clawgate.admin().port()).into();
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
    clawgate.signal("HUP");
    clawgate.event("reloaded", 2);
    assert_eq!((ask("GET", "/status", "let-me-in"), ask("GET", "/status", "another")), (401, 200));
}

#[test]
fn no_reload_takes_the_token_off_a_listener_that_others_can_reach() {
    let pki = Pki::new();
    let token = pki.file("admin-token", "let-me-in");
    let open = format!("[admin]\naddress = \"0.0.0.0:0\"\ntoken_file = {token:?}\n");
    let config = pki.file("gate.toml", open);
    let clawgate = ClawgateCommand::new(&pki)
        .without_env("CLAWGATE_ADMIN")
        .arg("--config", config)
        .upstream("echo:");
    let clawgate = clawgate.start();
    let address = ([127, 0, 0, 1], clawgate.admin().port()).into();

    for (number, admin) in ["127.0.0.1:9443", "off"].into_iter().enumerate() {
        pki.file("gate.toml", format!("[admin]\naddress = {admin:?}\n"));
        clawgate.signal("HUP");
        clawgate.event("reloaded", number + 1);
        assert_eq!(plain::get(address, "/status").status, 401, "after a reload to {admin}");
    }
}

#[test]
fn a_unix_socket_serves_its_owner_and_is_gone_afterwards() {
    let pki = Pki::new();
    let path = pki.dir().join("admin.sock");
    // One that a clawgate without an orderly end has left.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let unix = format!("unix:{}", path.display());
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--admin", &unix).start();

    let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
    socket.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("alive\n"), "{answer}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let second = ClawgateCommand::new(&pki).upstream("echo:").arg("--admin", &unix).refused();
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("admin.address"), "{}", second.stderr);

    clawgate.stop();
    assert!(!path.exists());
}

#[test]
fn no_page_can_ask_by_a_name_that_it_leads_here() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();

    let request = b"GET /status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";

    assert_eq!(plain::exchange(clawgate.admin(), request).unwrap().status, 403);
}
