//! First bytes that are not a TLS handshake.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};

use super::{Trial, says};
use crate::support::client::{Answer, connect};
use crate::support::pki::Pki;
use crate::support::plain::reset;
use crate::support::process::Clawgate;

/// Sends `bytes` and reads to the end; the client's own address and what came back.
fn exchange(clawgate: &Clawgate, bytes: &[u8]) -> (SocketAddr, Vec<u8>) {
    let mut socket = connect(clawgate.address());
    socket.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an orderly end");
    (socket.local_addr().unwrap(), answer)
}

#[test]
fn http_without_tls_is_answered_in_http() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    let long =
        format!("POST /hooks/wake HTTP/1.1\r\nContent-Length: 300000\r\n\r\n{}", "x".repeat(300_000));
    for request in [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &long,
    ] {
        let (from, answer) = exchange(&trial.clawgate, request.as_bytes());
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let head = Answer::parse(head);
        assert_eq!(head.status, 400);
        assert_eq!(head.header("x-clawgate-reason"), Some("plain_http"));
        assert_eq!(head.header("connection"), Some("close"));
        assert_eq!(head.header("content-length").unwrap().parse(), Ok(body.len()));
        assert!(body.contains("TLS port") && body.contains("https://"), "{body}");
        let line = trial.line("plain_http", from);
        let (version, hint) = match request.starts_with("PRI ") {
            true => ("HTTP/2 without TLS", "prior knowledge"),
            false => ("HTTP without TLS", "https://"),
        };
        says(&line, "detail", &[version]);
        says(&line, "hint", &[hint]);
        assert!(line["alert_sent"].is_null() && line["sni"].is_null(), "{line}");
    }
    trial.end();
}

#[test]
fn both_versions_of_a_proxy_header_are_recognised() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    let v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x10\0\x20\0";
    for header in [&b"PROXY TCP4 192.0.2.1 192.0.2.2 4096 8192\r\n"[..], b"PROXY UNKNOWN\r\n", v2] {
        let (from, answer) = exchange(&trial.clawgate, header);
        assert!(answer.is_empty(), "{answer:?}");
        let line = trial.line("proxy_protocol", from);
        says(&line, "detail", &["PROXY protocol"]);
        says(&line, "hint", &["load balancer"]);
    }
    trial.end();
}

#[test]
fn other_protocols_are_named_and_only_noise() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    for (bytes, says_what) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], &["SSH-2.0-", "looks like SSH"][..]),
        (b"EHLO mail.example\r\n", &["EHLO", "looks like SMTP"]),
        (b"\x03\x00\x00\x13\x0e\xe0\x00\x00", &["030000130ee0", "looks like RDP"]),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", &["0000000804d2162f", "looks like PostgreSQL"]),
        (b"*1\r\n$4\r\nPING\r\n", &["*1", "looks like Redis"]),
        (b"\x10\x14\x00\x04MQTT\x04\x02", &["10140004", "looks like MQTT"]),
        // By its first bytes an SSL 2.0 hello, but not by its lengths.
        (b"\x9a\x51\x01\x03\x01\xff\xff\xff\xff\xff\xff", &["9a51010301"]),
        (b"\x05\x01\x00", &["050100", "looks like SOCKS5"]),
        (b"\x15\x03\x03\x00\x02\x02\x28", &["15030300020228", "alert without a handshake"]),
        (b"\x00\xff\x17\x42\x99 random bytes that are no protocol", &["00ff174299"]),
        (b"\x1b[2J\r\nevent=started", &["1b5b324a"]),
    ] {
        let (from, answer) = exchange(&trial.clawgate, bytes);
        assert!(answer.is_empty(), "{answer:?}");
        let line = trial.line("not_tls", from);
        says(&line, "detail", says_what);
        says(&line, "hint", &["scanner"]);
    }
    trial.end();
}

#[test]
fn a_truncated_protocol_name_is_logged_with_the_bytes_received() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    let mut socket = connect(trial.clawgate.address());
    socket.write_all(b"PO").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();

    let line = trial.line("not_tls", socket.local_addr().unwrap());
    says(&line, "detail", &[r#""PO""#]);
    trial.end();
}

#[test]
fn a_connection_without_a_byte_is_a_probe() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    for (how, detail) in [(drop as fn(_), "closed without a byte"), (reset, "reset without a byte")] {
        let socket = connect(trial.clawgate.address());
        let from = socket.local_addr().unwrap();
        how(socket);
        let line = trial.line("tcp_probe", from);
        says(&line, "detail", &[detail]);
        says(&line, "hint", &["health check"]);
    }
    trial.end();
}

#[test]
fn an_ssl_2_hello_is_a_matter_of_version() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    // RFC 6101 appendix E: length, type, version 0.2, one cipher spec, no session id, a challenge.
    for (version, offered) in [([0, 2], "offers SSL 2.0 in"), ([3, 1], "offers at most TLS 1.0 in")] {
        let mut hello = [&[0x80, 28, 1][..], &version, &[0, 3, 0, 0, 0, 0x10, 7, 0, 0xc0]].concat();
        hello.extend([0x5a; 16]);
        let (from, _) = exchange(&trial.clawgate, &hello);
        let line = trial.line("tls_version", from);
        says(&line, "detail", &[offered, "SSL 2.0 hello", "TLS 1.2 or 1.3"]);
    }
    trial.end();
}
