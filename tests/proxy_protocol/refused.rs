//! Connections without a PROXY header, or from a source that is not trusted.

use std::io::{Read, Write};

use serde_json::Value;

use super::{V1, command, start, v2};
use crate::support::backend::Backend;
use crate::support::client::{Client, connect};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// Writes `bytes` to the balancers' listener and reads to the end; the report.
fn refusal(clawgate: &Clawgate, number: usize, bytes: &[u8]) -> Value {
    let mut socket = connect(clawgate.proxied());
    // It may have been closed after the first of them.
    let _ = socket.write_all(bytes);
    let _ = socket.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:?}");
    clawgate.event("handshake_failed", number)
}

#[test]
fn what_is_no_header_is_refused_where_one_is_required() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    let mut damaged = vec![203, 0, 113, 7, 198, 51, 100, 1, 0x9c, 0x40, 1, 0xbb];
    damaged.extend([3, 0, 4, 1, 2, 3, 4]);
    let cases = [
        (
            b"POST /hooks/wake HTTP/1.1\r\n\r\n".to_vec(),
            "expects a PROXY protocol header first",
            "send-proxy-v2",
        ),
        (b"\x16\x03\x01\x02\x00\x01".to_vec(), "the first bytes are 16030102", "listen.address"),
        (b"PROXY TCP4 203.0.113.7\r\n".to_vec(), "the line is not `PROXY TCP4", "versions 1 and 2"),
        (v2(1, 0x11, &damaged), "its checksum (CRC32c) is wrong", "between the load balancer"),
        (v2(2, 0x11, &[0; 12]), "its command is 2", "versions 1 and 2"),
        (v2(1, 0x11, &[0; 4]), "too short for its addresses", "versions 1 and 2"),
        (
            V1[..20].to_vec(),
            "closed the connection within the PROXY protocol header, after 20 bytes",
            "own log",
        ),
    ];
    for (number, (bytes, detail, hint)) in cases.iter().enumerate() {
        let failure = refusal(&clawgate, number + 1, bytes);
        assert_eq!(failure["reason"], "proxy_protocol", "{failure}");
        assert!(failure["detail"].as_str().unwrap().contains(detail), "{failure}");
        assert!(failure["hint"].as_str().unwrap().contains(hint), "{failure}");
    }
}

#[test]
fn a_proxy_header_on_a_plain_listener_is_refused_and_not_believed() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = start(&pki, &backend);
    let client = Client::new(&pki, &clawgate).through(clawgate.address(), V1);
    client.connect().err().expect("refused");
    let failure = clawgate.failure();
    assert_eq!(failure["reason"], "proxy_protocol");
    assert!(failure["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{failure}");
    assert!(failure["hint"].as_str().unwrap().contains("listen.proxy_address"), "{failure}");
    assert!(backend.received().is_empty());
}

#[test]
fn who_is_no_balancer_is_refused_with_the_best_header_and_certificate() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--listen-proxy", "127.0.0.1:0")
        .arg("--proxy-source", "192.0.2.0/24")
        .start();
    Client::new(&pki, &clawgate).through(clawgate.proxied(), V1).connect().err().expect("refused");
    let failure = clawgate.failure();
    assert_eq!(failure["reason"], "proxy_protocol");
    assert!(
        failure["detail"].as_str().unwrap().contains("127.0.0.1 is not in listen.proxy_sources"),
        "{failure}"
    );
    assert!(failure["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{failure}");
    assert_eq!(failure["level"], "warn");
    assert!(backend.received().is_empty());
}

#[test]
fn a_reload_says_anew_who_is_believed() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let settings = |source: &str| format!("listen.proxy_sources = [\"{source}\"]\n");
    let file = pki.file("gate.toml", settings("192.0.2.0/24"));
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--listen-proxy", "127.0.0.1:0")
        .arg("--config", file)
        .start();
    let served = || {
        let client = Client::new(&pki, &clawgate).through(clawgate.proxied(), V1);
        client.connect().is_ok_and(|mut connection| connection.is_answered())
    };
    assert!(!served());
    pki.file("gate.toml", settings("127.0.0.1"));
    clawgate.signal("HUP");
    assert_eq!(clawgate.event("reloaded", 1)["changed"], serde_json::json!(["listen.proxy_sources"]));
    assert!(served());
}

#[test]
fn header_and_handshake_share_one_deadline() {
    let pki = Pki::new();
    let clawgate = command(&pki, &Backend::ok()).arg("--handshake-timeout", "300ms").start();
    for (number, (bytes, waited)) in [
        (&b""[..], "first byte"),
        (&V1[..10], "load balancer's PROXY header"),
        (V1, "rest of the client's ClientHello"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut socket = connect(clawgate.proxied());
        socket.write_all(bytes).unwrap();
        let _ = socket.read(&mut [0]);
        let failure = clawgate.event("handshake_failed", number + 1);
        assert_eq!(failure["reason"], "handshake_timeout");
        // With the header in full, its first byte of TLS is what was waited for.
        let waited = if bytes == V1 { "the client's first byte" } else { waited };
        assert!(failure["detail"].as_str().unwrap().contains(waited), "{failure}");
    }
}

#[test]
fn a_health_check_is_noise_and_not_a_fault() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    for (number, header) in [v2(0, 0, &[]), V1.to_vec(), Vec::new()].iter().enumerate() {
        let failure = refusal(&clawgate, number + 1, header);
        assert_eq!((&failure["reason"], &failure["level"]), (&"tcp_probe".into(), &"info".into()));
    }
}

#[test]
fn settings_that_do_not_say_who_is_believed_are_refused() {
    let pki = Pki::new();
    let refused = |arguments: &[(&str, &str)]| {
        let mut command = ClawgateCommand::new(&pki).arg("--upstream", "echo:");
        for (flag, value) in arguments {
            command = command.arg(flag, *value);
        }
        let output = command.refused();
        assert_eq!(output.code, Some(78), "{output:?}");
        output.stderr
    };
    let unnamed = refused(&[("--listen-proxy", "127.0.0.1:0")]);
    assert!(unnamed.contains("are not named") && unnamed.contains("--proxy-source"), "{unnamed}");
    let block = refused(&[("--listen-proxy", "127.0.0.1:0"), ("--proxy-source", "10.0.0.1/8")]);
    assert!(block.contains("write 10.0.0.0/8 for the block, or 10.0.0.1"), "{block}");
    let word = refused(&[("--listen-proxy", "127.0.0.1:0"), ("--proxy-source", "balancer")]);
    assert!(word.contains("`balancer` is no block of addresses"), "{word}");
    let both = [("--listen", "127.0.0.1:4433"), ("--listen-proxy", "127.0.0.1:4433")];
    let both = refused(&[both[0], both[1], ("--proxy-source", "127.0.0.1")]);
    assert!(both.contains("127.0.0.1:4433 is in use: --listen has it for clients"), "{both}");
}

#[test]
fn check_warns_of_believing_everybody() {
    let pki = Pki::new();
    let check = |source: &str| {
        let (certificate, key) = pki.files("server", &pki.server);
        let output = ClawgateCommand::bare("check")
            .arg("--cert", certificate)
            .arg("--key", key)
            .arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
            .arg("--listen-proxy", "127.0.0.1:8444")
            .arg("--proxy-source", source)
            .output();
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout + &output.stderr
    };
    assert!(check("0.0.0.0/0").contains("0.0.0.0/0 is every address"));
    let said = check("10.0.0.0/8");
    assert!(!said.contains("every address"), "{said}");
    assert!(said.contains("127.0.0.1:8444 with a PROXY header, from 10.0.0.0/8"), "{said}");
}
