//! Connections and handshakes.

use std::io::Read;
use std::net::TcpStream;

use super::{connect_from, hits, with_limits};
use crate::support::client::{Client, connect};
use crate::support::eventually;
use crate::support::pki::{Leaf, Pki};
use crate::support::process::Clawgate;

/// Whether clawgate has closed it, with or without a reset; waits for that.
fn is_closed(mut stream: &TcpStream) -> bool {
    !matches!(stream.read(&mut [0]), Ok(1..))
}

fn is_served(pki: &Pki, clawgate: &Clawgate) -> bool {
    Client::new(pki, clawgate).post("/hooks/wake", "{}").status == 200
}

#[test]
fn one_address_does_not_take_the_places_of_another() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "connections_per_source = 3").start();
    let held = [(); 3].map(|()| connect_from("127.0.0.2", clawgate.address()));

    assert!(is_closed(&connect_from("127.0.0.2", clawgate.address())));

    let line = clawgate.failure();
    assert_eq!(
        (&line["reason"], &line["limit"]),
        (&"overloaded".into(), &"connections_per_source".into())
    );
    assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.2:"), "{line}");
    assert!(line["hint"].as_str().unwrap().contains("limits.connections_per_source"), "{line}");
    assert_eq!(hits(&clawgate, "connections_per_source"), 1);
    assert!(is_served(&pki, &clawgate), "another address is kept out");
    drop(held);
    // They are gone when clawgate has noticed it: as probes.
    clawgate.event("handshake_failed", 4);
    let again = connect_from("127.0.0.2", clawgate.address());
    drop(again);
    assert_eq!(clawgate.event("handshake_failed", 5)["reason"], "tcp_probe");
}

#[test]
fn one_address_does_not_connect_faster_than_it_may() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "handshake_rate = 2").start();

    for _ in 0..20 {
        drop(connect_from("127.0.0.2", clawgate.address()));
    }

    let over = || {
        clawgate.events("handshake_failed").into_iter().find(|line| line["limit"] == "handshake_rate")
    };
    let line = eventually("a refusal", over);
    assert_eq!(line["reason"], "overloaded");
    assert!(line["detail"].as_str().unwrap().starts_with("2 connections came"), "{line}");
    assert!(is_served(&pki, &clawgate), "another address is kept out");
}

#[test]
fn one_identity_has_no_more_connections_than_it_may_and_another_is_served() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "connections_per_identity = 2").start();
    let mut held = [(); 2].map(|()| Client::new(&pki, &clawgate).connect().unwrap());
    assert!(held.iter_mut().all(|connection| connection.is_answered_at("/hooks/wake")));

    let mut refused = Client::new(&pki, &clawgate).connect().unwrap();

    assert!(refused.is_closed(), "no close_notify");
    let line = clawgate.failure();
    let limit = "connections_per_identity";
    assert_eq!((&line["reason"], &line["limit"]), (&"overloaded".into(), &limit.into()));
    assert_eq!(line["client_cert"]["fingerprint_sha256"], pki.client.fingerprint());
    assert!(line["hint"].as_str().unwrap().contains(&format!("limits.{limit}")), "{line}");
    assert_eq!(hits(&clawgate, limit), 1);
    let other = pki.client(Leaf::client("other"));
    assert_eq!(Client::with_identity(&pki, &clawgate, &other).post("/hooks/wake", "{}").status, 200);
    assert!(held.iter_mut().all(|connection| connection.is_answered_at("/hooks/wake")));
    drop(held);
    eventually("a place", || {
        let mut again = Client::new(&pki, &clawgate).connect().unwrap();
        again.is_answered_at("/hooks/wake").then_some(())
    });
}

#[test]
fn the_oldest_handshake_is_evicted_for_a_good_client() {
    let pki = Pki::new();
    let clawgate =
        with_limits(&pki, "echo:", "handshakes = 4\nconnections_per_source = \"off\"").start();
    let silent = [(); 4].map(|()| connect(clawgate.address()));

    assert!(is_served(&pki, &clawgate));

    assert!(is_closed(&silent[0]));
    let line = clawgate.failure();
    assert_eq!((&line["reason"], &line["limit"]), (&"overloaded".into(), &"handshakes".into()));
    let oldest = silent[0].local_addr().unwrap().to_string();
    assert_eq!(line["peer"], oldest);
    assert_eq!(hits(&clawgate, "handshakes"), 1, "the others stay");
}

#[test]
fn a_client_that_does_not_begin_is_given_up_before_the_time_for_a_handshake() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "greeting_timeout = \"150ms\"").start();

    assert!(is_closed(&connect(clawgate.address())));

    let line = clawgate.failure();
    assert_eq!(line["reason"], "handshake_timeout");
    assert!(line["elapsed_ms"].as_u64().unwrap() < 5000, "{line}");
    assert!(line["detail"].as_str().unwrap().contains("150"), "{line}");
}

#[test]
fn a_flood_beyond_a_limit_makes_one_line_and_a_sum() {
    let pki = Pki::new();
    let mut clawgate = with_limits(&pki, "echo:", "connections_per_source = 1")
        .arg("--log-repeat-window", "1h")
        .start();
    let _held = connect_from("127.0.0.2", clawgate.address());

    for _ in 0..50 {
        assert!(is_closed(&connect_from("127.0.0.2", clawgate.address())));
    }

    assert_eq!(hits(&clawgate, "connections_per_source"), 50);
    clawgate.stop();
    let lines = clawgate.events("handshake_failed");
    let over: Vec<_> = lines.iter().filter(|line| line["limit"] == "connections_per_source").collect();
    assert_eq!(over.len(), 2, "{over:#?}");
    assert_eq!(over[1]["repeated"]["count"], 49);
}
