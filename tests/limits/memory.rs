//! How much memory clients can make clawgate use.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;

use super::{connect_from, hits, with_limits};
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::{Ca, Pki};
use crate::support::plain;
use crate::support::process::Clawgate;

fn gauge(clawgate: &Clawgate, name: &str) -> u64 {
    let text = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap().parse().unwrap()
}

fn is_served(pki: &Pki, clawgate: &Clawgate) -> bool {
    Client::new(pki, clawgate).post("/hooks/wake", "{}").status == 200
}

/// Waits until the limit was run into so often.
fn hit(clawgate: &Clawgate, limit: &str, count: u64) {
    eventually("the limit", || (hits(clawgate, limit) >= count).then_some(()));
}

/// Of the least that handshakes may hold together, 1 MiB, each takes 15 KiB.
#[test]
fn the_oldest_unfinished_client_hello_is_evicted_when_all_hold_too_much() {
    let pki = Pki::new();
    let limits = "handshakes = 100\ngreeting_timeout = \"1m\"";
    let clawgate = with_limits(&pki, "echo:", limits).arg("--handshake-timeout", "1m").start();
    let small = connect_from("127.0.0.2", clawgate.address());
    // A ClientHello of 16 KiB in one record (RFC 8446 section 5.1), and most of it.
    let begun = [&[22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xf0, 3, 3][..], &[0; 15 * 1024]].concat();
    let large: Vec<_> = (0..80)
        .map(|_| {
            let mut socket = connect_from("127.0.0.3", clawgate.address());
            socket.write_all(&begun).unwrap();
            socket
        })
        .collect();

    hit(&clawgate, "handshake_bytes", 1);

    let line = clawgate.failure();
    assert_eq!((&line["reason"], &line["limit"]), (&"overloaded".into(), &"handshake_bytes".into()));
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.3:"), "{line}");
    assert!(line["hint"].as_str().unwrap().contains("limits.handshakes"), "{line}");
    assert!(is_served(&pki, &clawgate));
    drop((small, large));
}

/// The client's flight is cut off within its Certificate message of 50 KB.
fn begin_handshake(pki: &Pki, clawgate: &Clawgate, chain: &[Vec<u8>]) -> TcpStream {
    let client = Client::with_versions(pki, clawgate, None, &[&TLS13]).presenting(chain, &pki.client);
    let mut socket = connect_from("127.0.0.3", clawgate.address());
    let name = ServerName::try_from(client.name).unwrap();
    let mut tls = ClientConnection::new(client.config.into(), name).unwrap();
    while tls.is_handshaking() {
        while tls.wants_write() {
            tls.write_tls(&mut socket).unwrap();
        }
        tls.read_tls(&mut socket).unwrap();
        tls.process_new_packets().unwrap();
    }
    let mut flight = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut flight).unwrap();
    }
    socket.write_all(&flight[..flight.len() - 5000]).unwrap();
    socket
}

#[test]
fn the_oldest_unfinished_certificate_message_is_evicted_when_all_hold_too_much() {
    let pki = Pki::new();
    let clawgate =
        with_limits(&pki, "echo:", "handshakes = 100").arg("--handshake-timeout", "1m").start();
    let chain = vec![Ca::root(&"x".repeat(25_000)).certificate.der().to_vec()];

    let held: Vec<_> = (0..25).map(|_| begin_handshake(&pki, &clawgate, &chain)).collect();

    hit(&clawgate, "handshake_bytes", 1);
    assert_eq!(clawgate.failure()["limit"], "handshake_bytes");
    assert!(is_served(&pki, &clawgate));
    drop(held);
}

/// Answered at once, and then read for a second so that it gets the answer.
fn refuse(clawgate: &Clawgate) -> TcpStream {
    let mut socket = connect_from("127.0.0.3", clawgate.address());
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(socket.read(&mut [0; 1]).unwrap(), 1);
    socket
}

#[test]
fn refused_connections_that_are_not_closed_yet_are_counted_and_bounded_with_the_handshakes() {
    let pki = Pki::new();
    let mut clawgate = with_limits(&pki, "echo:", "handshakes = 3").start();

    let lingering = [(); 5].map(|()| refuse(&clawgate));

    hit(&clawgate, "handshakes", 2);
    assert!(gauge(&clawgate, "clawgate_lingering_connections") <= 3);
    drop(lingering);
    eventually("their end", || (gauge(&clawgate, "clawgate_lingering_connections") == 0).then_some(()));
    assert_eq!(clawgate.all("handshake_failed").len(), 5, "each is refused once");
}

#[test]
fn of_connections_refused_over_http_the_oldest_is_closed() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "handshakes = 100").arg("--refuse-with", "http").start();
    let refused = || Client::with_versions(&pki, &clawgate, None, &[&TLS13]).connect().unwrap();
    // They ask for nothing.
    let mut first = refused().stream.sock;
    let others = [(); 16].map(|()| refused());

    hit(&clawgate, "handshakes", 1);

    // Its tickets come first.
    first.read_to_end(&mut Vec::new()).expect("an end");
    drop(others);
}

#[test]
fn a_stream_may_hold_as_much_of_a_body_as_the_largest_has_from_64_kib_to_1_mib() {
    let pki = Pki::new();
    for (body, window) in [("256KiB", 256), ("1KiB", 64), ("5GiB", 1024)] {
        let clawgate = with_limits(&pki, "echo:", &format!("body = {body:?}")).start();
        assert_eq!(stream_window(&pki, &clawgate), window * 1024, "{body}");
    }
}

/// The SETTINGS_INITIAL_WINDOW_SIZE that clawgate sends.
fn stream_window(pki: &Pki, clawgate: &Clawgate) -> u32 {
    let mut connection = Client::new(pki, clawgate).alpn(&["h2"]).connect().unwrap();
    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");

    // RFC 9113 section 6.5: length, type and flags, stream; then pairs of identifier and value.
    let head = connection.exactly(9);
    assert_eq!(head[3], 4, "no SETTINGS: {head:?}");
    let pairs = connection.exactly(u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize);
    let window = pairs.chunks(6).find(|pair| pair[..2] == [0, 4]).unwrap();
    u32::from_be_bytes(window[2..].try_into().unwrap())
}

/// In KiB.
fn resident(clawgate: &Clawgate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", clawgate.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[test]
fn certificates_that_lead_nowhere_are_kept_once_at_most() {
    const MANY: u64 = 150;
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "").start();
    // Its name is in it twice.
    let other = Ca::root(&"x".repeat(6_000)).certificate.der().to_vec();
    let chain = [pki.client.chain.clone(), vec![other; 4]].concat();
    let open = || {
        let mut connection =
            Client::new(&pki, &clawgate).presenting(&chain, &pki.client).connect().unwrap();
        assert!(connection.is_answered_at("/hooks/wake"));
        connection
    };
    let first = [(); 20].map(|()| open());
    let before = resident(&clawgate);

    let others: Vec<_> = (0..MANY).map(|_| open()).collect();

    let each = (resident(&clawgate) - before) / MANY;
    assert!(each < 110, "{each} KiB for each");
    drop((first, others));
}
