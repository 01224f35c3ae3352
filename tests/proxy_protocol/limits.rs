//! Limits by source address behind a load balancer use the address in the header.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::{V1, v2};
use crate::limits::hits;
use crate::support::client::{Client, Connection, connect};
use crate::support::eventually;
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

const OTHER: &[u8] = b"PROXY TCP4 203.0.113.8 198.51.100.1 40000 443\r\n";

/// A clawgate for load balancers with these `[limits]`.
fn with_limits(pki: &Pki, limits: &str) -> ClawgateCommand {
    let file = pki.file("limits.toml", format!("[limits]\n{limits}\n"));
    ClawgateCommand::new(pki)
        .upstream("echo:")
        .admin()
        .arg("--config", file)
        .arg("--listen-proxy", "127.0.0.1:0")
        .arg("--proxy-source", "127.0.0.1")
}

/// A connection that a balancer passes on under `header`, if a request on it is answered.
fn served(pki: &Pki, clawgate: &Clawgate, header: &[u8]) -> Option<Connection> {
    let connection = Client::new(pki, clawgate).through(clawgate.proxied(), header).connect();
    connection.ok().and_then(answered)
}

fn answered(mut connection: Connection) -> Option<Connection> {
    connection.is_answered().then_some(connection)
}

/// Writes `bytes` to the balancers' listener.
fn begin(clawgate: &Clawgate, bytes: &[u8]) -> TcpStream {
    let mut socket = connect(clawgate.proxied());
    socket.write_all(bytes).unwrap();
    socket
}

#[test]
fn one_client_does_not_take_the_places_of_another_behind_the_same_balancer() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "connections_per_source = 2").start();
    let _held = [(); 2].map(|()| served(&pki, &clawgate, V1).unwrap());

    assert!(served(&pki, &clawgate, V1).is_none());

    let line = clawgate.failure();
    assert_eq!(
        (&line["reason"], &line["limit"]),
        (&"overloaded".into(), &"connections_per_source".into())
    );
    assert_eq!(line["peer"], "203.0.113.7:40000");
    assert!(line["proxy"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
    assert!(line["detail"].as_str().unwrap().starts_with("2 connections"), "{line}");
    assert_eq!(hits(&clawgate, "connections_per_source"), 1);
    assert!(served(&pki, &clawgate, OTHER).is_some(), "another client is kept out");
}

#[test]
fn one_client_does_not_connect_faster_than_it_may_behind_a_balancer() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "handshake_rate = 2").start();

    for _ in 0..20 {
        drop(begin(&clawgate, V1));
    }

    let over = || {
        clawgate.events("handshake_failed").into_iter().find(|line| line["limit"] == "handshake_rate")
    };
    let line = eventually("a refusal", over);
    assert_eq!((&line["reason"], &line["peer"]), (&"overloaded".into(), &"203.0.113.7:40000".into()));
    assert!(served(&pki, &clawgate, OTHER).is_some(), "another client is kept out");
}

#[test]
fn an_evicted_handshake_is_logged_with_its_clients_address() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "handshakes = 2").start();
    let config = Arc::new(Client::new(&pki, &clawgate).config);
    let name = ServerName::try_from("localhost").unwrap();
    let mut hello = V1.to_vec();
    ClientConnection::new(config, name).unwrap().write_tls(&mut hello).unwrap();
    let mut oldest = begin(&clawgate, &hello);
    oldest.read_exact(&mut [0]).expect("an answer to its ClientHello");

    let _others = [(); 2].map(|()| begin(&clawgate, b"PROXY"));

    assert!(oldest.read_to_end(&mut Vec::new()).is_ok());
    let line = clawgate.failure();
    assert_eq!((&line["limit"], &line["peer"]), (&"handshakes".into(), &"203.0.113.7:40000".into()));
    assert_eq!(line["proxy"], oldest.local_addr().unwrap().to_string());
}

#[test]
fn a_flood_of_one_client_behind_a_balancer_makes_one_line_and_a_sum() {
    let pki = Pki::new();
    let mut clawgate =
        with_limits(&pki, "connections_per_source = 1").arg("--log-repeat-window", "1h").start();
    let _held = served(&pki, &clawgate, V1).unwrap();

    for _ in 0..20 {
        assert!(!matches!(begin(&clawgate, V1).read(&mut [0]), Ok(1..)));
    }

    eventually("the count", || (hits(&clawgate, "connections_per_source") == 20).then_some(()));
    let over = clawgate.all("handshake_failed");
    assert_eq!(over.len(), 2, "{over:#?}");
    assert_eq!(over[0]["peer"], "203.0.113.7:40000");
    assert_eq!((&over[1]["limit"], &over[1]["repeated"]["count"]), (&over[0]["limit"], &19.into()));
}

#[test]
fn a_client_that_connects_directly_and_through_a_balancer_is_one_source() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "connections_per_source = 1").start();
    let local = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 443\r\n";
    let held = served(&pki, &clawgate, local).unwrap();

    let direct = || Client::new(&pki, &clawgate).connect().ok().and_then(answered);
    assert!(direct().is_none());

    assert_eq!(clawgate.failure()["limit"], "connections_per_source");
    drop(held);
    eventually("a place", direct);
}

#[test]
fn what_a_balancer_opens_itself_counts_for_no_source() {
    let pki = Pki::new();
    let mut clawgate = with_limits(&pki, "connections_per_source = 1\nhandshake_rate = 1").start();
    let address = [203, 0, 113, 7, 198, 51, 100, 1, 0x9c, 0x40, 1, 0xbb];
    let headers = [v2(0, 0, &[]), v2(0, 0x11, &address), b"PROXY UNKNOWN\r\n".to_vec()];

    let all: Vec<_> =
        headers.iter().cycle().take(9).map(|header| served(&pki, &clawgate, header).unwrap()).collect();

    assert!(served(&pki, &clawgate, V1).is_some(), "LOCAL was counted for the address in it");
    assert!(
        Client::new(&pki, &clawgate).connect().unwrap().is_answered(),
        "LOCAL was counted for the balancer"
    );
    drop(all);
    assert!(clawgate.all("handshake_failed").is_empty());
}

#[test]
fn a_connection_counts_for_no_source_before_its_header_is_there() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "connections_per_source = 1").start();

    let mut begun = [(); 3].map(|()| begin(&clawgate, &V1[..V1.len() - 1]));

    let held = served(&pki, &clawgate, V1).unwrap();
    assert!(clawgate.events("handshake_failed").is_empty());
    // With the last byte one of them is too many.
    begun[0].write_all(&V1[V1.len() - 1..]).unwrap();
    assert!(!matches!(begun[0].read(&mut [0]), Ok(1..)));
    assert_eq!(clawgate.failure()["limit"], "connections_per_source");
    drop(held);
}

#[test]
fn a_place_is_free_again_however_the_connection_that_had_it_ended() {
    let pki = Pki::new();
    let limits = "connections_per_source = 1\ngreeting_timeout = \"200ms\"\nhandshakes = 2";
    let clawgate = with_limits(&pki, limits).start();
    let stranger = Leaf::client("x").self_signed();
    let ends: [(&str, &dyn Fn()); 6] = [
        ("tcp_probe", &|| drop(begin(&clawgate, V1))),
        ("plain_http", &|| drop(begin(&clawgate, &[V1, b"GET / HTTP/1.1\r\n\r\n"].concat()))),
        ("handshake_timeout", &|| {
            let _ = begin(&clawgate, V1).read(&mut [0]);
        }),
        ("client_cert_self_signed", &|| {
            Client::with_identity(&pki, &clawgate, &stranger).through(clawgate.proxied(), V1).refused();
        }),
        ("handshakes", &|| {
            // It is the oldest of three handshakes.
            let mut oldest = begin(&clawgate, V1);
            let _others = [(); 2].map(|()| begin(&clawgate, b"PROXY"));
            let _ = oldest.read(&mut [0]);
        }),
        ("connections_per_source", &|| {
            let held = eventually("a place", || served(&pki, &clawgate, V1));
            assert!(served(&pki, &clawgate, V1).is_none());
            drop(held);
        }),
    ];

    for (what, end) in ends {
        let before = clawgate.events("handshake_failed").len();
        end();
        eventually(what, || {
            let lines = clawgate.events("handshake_failed");
            lines.into_iter().skip(before).find(|line| line["reason"] == what || line["limit"] == what)
        });
        let used = eventually("a place", || served(&pki, &clawgate, V1));
        drop(used);
        eventually("a place after a request", || served(&pki, &clawgate, V1));
    }
}
