//! What does not end by itself is ended.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::backend::Backend;
use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::Pki;
use crate::support::sender::{Connection, Sender, connect};
use crate::support::{Latch, eventually};

const POST: &[u8] = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

/// A gate with a request under way that will never be answered.
fn stuck(drain_timeout: &str) -> (Pki, Gate, Connection) {
    let pki = Pki::new();
    let backend = Backend::held(&Latch::default());
    let gate = GateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--drain-timeout", drain_timeout)
        .arg("--workers", "2")
        .start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    sender.write(POST);
    backend.first();
    (pki, gate, sender)
}

#[test]
fn a_request_that_never_ends_is_ended_at_the_deadline() {
    let (_pki, mut gate, mut sender) = stuck("300ms");
    let start = Instant::now();

    assert_eq!(gate.stop().code(), Some(0));

    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(gate.event("draining", 1)["deadline"], "300ms");
    assert_eq!(gate.event("stopped", 1)["forced"], 1);
    let (answer, orderly) = sender.rest();
    assert_eq!((&*answer, orderly), ("", false));
    // It is in the access log like any other.
    assert_eq!(gate.all("request").len(), 1);
}

#[test]
fn a_handshake_that_never_ends_is_ended_at_the_deadline() {
    let pki = Pki::new();
    let mut gate = GateCommand::new(&pki)
        .upstream("echo:")
        .arg("--drain-timeout", "300ms")
        .arg("--handshake-timeout", "60s")
        .start();
    // The second is accepted after the first, whatever the gate is doing.
    let mut silent = connect(gate.address());
    silent.write_all(b"\x16\x03\x01").unwrap();
    assert_eq!(Sender::new(&pki, &gate).post("/hooks/wake", "{}").status, 200);

    assert_eq!(gate.stop().code(), Some(0));

    assert!(gate.event("stopped", 1)["forced"].as_u64().unwrap() >= 1);
}

#[test]
fn a_second_signal_ends_at_once() {
    for (first, second) in [("TERM", "TERM"), ("TERM", "INT"), ("INT", "INT")] {
        let (_pki, mut gate, _sender) = stuck("30s");
        let start = Instant::now();
        gate.signal(first);
        gate.event("draining", 1);

        gate.signal(second);

        assert_eq!(gate.wait().code(), Some(1));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(gate.event("stopped", 1)["forced"], 1);
    }
}

#[test]
fn a_hangup_in_between_is_no_second_signal() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut gate = GateCommand::new(&pki).upstream(backend.url()).start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    sender.write(POST);
    backend.first();
    gate.signal("TERM");
    gate.event("draining", 1);

    gate.signal("HUP");
    gate.event("reload_failed", 1);
    latch.open();

    assert_eq!(sender.answer().status, 200);
    drop(sender);
    assert_eq!(gate.wait().code(), Some(0));
    eventually("the last line", || gate.events("stopped").pop());
}
