//! The PROXY protocol: from load balancers to clawgate, and from clawgate to the upstream.

mod haproxy;
mod limits;
mod outward;
mod refused;

use serde_json::Value;

use crate::support::backend::Backend;
use crate::support::client::{Client, connect};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// A clawgate behind a load balancer on loopback, and for clients directly, too.
fn command(pki: &Pki, backend: &Backend) -> ClawgateCommand {
    ClawgateCommand::new(pki)
        .upstream(backend.url())
        .arg("--listen-proxy", "127.0.0.1:0")
        .arg("--proxy-source", "127.0.0.0/8")
}

fn start(pki: &Pki, backend: &Backend) -> Clawgate {
    command(pki, backend).start()
}

const V1: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 443\r\n";

/// A header of version 2; `block` is its addresses and TLVs.
fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, family]);
    header.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
    header.extend(block);
    header
}

/// From [2001:db8::7]:40000 to [2001:db8::1]:443.
fn v2_ipv6() -> Vec<u8> {
    let mut block = vec![0; 36];
    block[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
    block[15] = 7;
    block[16..20].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
    block[31] = 1;
    block[32..].copy_from_slice(&[0x9c, 0x40, 1, 0xbb]);
    v2(1, 0x21, &block)
}

#[test]
fn the_log_names_the_client_and_the_balancer_for_both_versions() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate = start(&pki, &backend);
    let headers = [
        (V1.to_vec(), "203.0.113.7:40000"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n".to_vec(), "[2001:db8::7]:40000"),
        (v2(1, 0x11, &[203, 0, 113, 7, 198, 51, 100, 1, 0x9c, 0x40, 1, 0xbb]), "203.0.113.7:40000"),
        (v2_ipv6(), "[2001:db8::7]:40000"),
    ];
    for (number, (header, peer)) in headers.into_iter().enumerate() {
        let mut connection =
            Client::new(&pki, &clawgate).through(clawgate.proxied(), header).connect().unwrap();
        let balancer = connection.stream.sock.local_addr().unwrap().to_string();
        assert!(connection.is_answered());
        let line = clawgate.event("request", number + 1);
        assert_eq!((&line["peer"], &line["proxy"]), (&Value::from(peer), &Value::from(balancer)));
    }
    assert!(clawgate.all("handshake_failed").is_empty());
}

#[test]
fn who_calls_directly_needs_no_header_and_the_log_names_no_balancer() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    let line = clawgate.request();
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(line.get("proxy"), None);
}

#[test]
fn a_balancer_that_does_not_know_the_client_is_let_pass_under_its_own_address() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    let headers = [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 203.0.113.7 198.51.100.1 40000 443\r\n".to_vec(),
        v2(1, 0, &[]),
        v2(1, 0x31, &[0; 216]),
        v2(0, 0, &[]),
        // LOCAL, with addresses that are to be discarded.
        v2(0, 0x11, &[203, 0, 113, 7, 198, 51, 100, 1, 0x9c, 0x40, 1, 0xbb]),
    ];
    for (number, header) in headers.into_iter().enumerate() {
        let mut connection =
            Client::new(&pki, &clawgate).through(clawgate.proxied(), header).connect().unwrap();
        let balancer = connection.stream.sock.local_addr().unwrap().to_string();
        assert!(connection.is_answered());
        assert_eq!(clawgate.event("request", number + 1)["peer"], balancer);
    }
}

#[test]
fn a_header_may_come_in_pieces_and_the_handshake_with_it() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    let relay = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = relay.local_addr().unwrap();
    let proxied = clawgate.proxied();
    // Every byte of header and handshake in a segment of its own.
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut inside, _) = relay.accept().unwrap();
        let mut outside = connect(proxied);
        let mut back = (outside.try_clone().unwrap(), inside.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
        let mut byte = [0];
        while inside.read_exact(&mut byte).is_ok() {
            outside.write_all(&byte).unwrap();
        }
    });
    let answer = Client::new(&pki, &clawgate).through(address, v2_ipv6()).post("/hooks/wake", "{}");
    assert_eq!(answer.status, 200);
    assert_eq!(clawgate.request()["peer"], "[2001:db8::7]:40000");
}

#[test]
fn the_upstream_gets_the_clients_address_not_the_balancers() {
    let pki = Pki::new();
    let forged = "X-Forwarded-For: 10.9.9.9\r\nForwarded: for=10.9.9.9\r\nX-Forwarded-Port: 1\r\n";
    let request = format!(
        "POST /hooks/wake HTTP/1.1\r\nHost: hooks.example:8443\r\n{forged}Content-Length: 0\r\n\r\n"
    );
    let told = |how: &str, header: &[u8]| {
        let backend = Backend::ok();
        let clawgate = command(&pki, &backend).arg("--forwarded", how).start();
        let client = Client::new(&pki, &clawgate).through(clawgate.proxied(), header);
        assert_eq!(client.send(&request).status, 200);
        backend.first()
    };

    let received = told("x-forwarded", V1);
    assert_eq!(received.value("x-forwarded-for"), Some("203.0.113.7"));
    assert_eq!(received.value("x-forwarded-proto"), Some("https"));
    assert_eq!(received.value("x-forwarded-host"), Some("hooks.example:8443"));
    assert_eq!(received.value("x-forwarded-port"), Some("443"));
    assert_eq!(received.value("forwarded"), None);

    let received = told("rfc7239", &v2_ipv6());
    let element = r#"for="[2001:db8::7]";proto=https;host="hooks.example:8443""#;
    assert_eq!(received.value("forwarded"), Some(element));
    assert_eq!(received.value("x-forwarded-for"), None);

    for how in ["x-forwarded", "rfc7239"] {
        let local = told(how, b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 443\r\n");
        assert!(!local.head.to_lowercase().contains("forwarded"), "{how}: {}", local.head);
    }
    assert!(!told("off", V1).head.to_lowercase().contains("forwarded"));
}

#[test]
fn a_refused_client_is_reported_under_its_own_address() {
    let pki = Pki::new();
    let clawgate = start(&pki, &Backend::ok());
    let stranger = crate::support::pki::Leaf::client("x").self_signed();
    Client::with_identity(&pki, &clawgate, &stranger).through(clawgate.proxied(), V1).refused();
    let failure = clawgate.failure();
    assert_eq!(failure["reason"], "client_cert_self_signed");
    assert_eq!(failure["peer"], "203.0.113.7:40000");
    assert!(failure["proxy"].as_str().unwrap().starts_with("127.0.0.1:"), "{failure}");
}

#[test]
fn with_a_listener_for_balancers_only_there_is_none_for_clients() {
    let pki = Pki::new();
    let (certificate, key) = pki.files("server", &pki.server);
    let clawgate = ClawgateCommand::bare("run")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
        .arg("--upstream", "echo:")
        .arg("--admin", "off")
        .env("CLAWGATE_WORKERS", "2")
        .arg("--listen-proxy", "127.0.0.1:0")
        .arg("--proxy-source", "127.0.0.1")
        .start();
    assert!(clawgate.addresses().is_empty());
    for _ in 0..8 {
        let client = Client::new(&pki, &clawgate).through(clawgate.proxied(), V1);
        assert_eq!(client.post("/hooks/wake", "{}").status, 200);
    }
}
