//! At the end of the drain timeout, what still runs is aborted.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::backend::Backend;
use crate::support::client::{Client, Connection, connect};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{Latch, eventually};

const POST: &[u8] = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

/// A clawgate with a request in progress that will never be answered.
fn stuck(drain_timeout: &str) -> (Pki, Clawgate, Connection) {
    let pki = Pki::new();
    let backend = Backend::held(&Latch::default());
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--drain-timeout", drain_timeout)
        .arg("--workers", "2")
        .start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(POST);
    backend.first();
    (pki, clawgate, client)
}

#[test]
fn a_request_that_never_ends_is_ended_at_the_deadline() {
    let (_pki, mut clawgate, mut client) = stuck("300ms");
    let start = Instant::now();

    assert_eq!(clawgate.stop().code(), Some(0));

    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(clawgate.event("draining", 1)["deadline"], "300ms");
    assert_eq!(clawgate.event("stopped", 1)["forced"], 1);
    let (answer, orderly) = client.rest();
    assert_eq!((&*answer, orderly), ("", false));
    // It is in the access log like any other.
    assert_eq!(clawgate.all("request").len(), 1);
}

#[test]
fn a_handshake_that_never_ends_is_ended_at_the_deadline() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--drain-timeout", "300ms")
        .arg("--handshake-timeout", "60s")
        .start();
    // The second is accepted after the first, whatever clawgate is doing.
    let mut silent = connect(clawgate.address());
    silent.write_all(b"\x16\x03\x01").unwrap();
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);

    assert_eq!(clawgate.stop().code(), Some(0));

    assert!(clawgate.event("stopped", 1)["forced"].as_u64().unwrap() >= 1);
}

#[test]
fn a_second_signal_ends_at_once() {
    for (first, second) in [("TERM", "TERM"), ("TERM", "INT"), ("INT", "INT")] {
        let (_pki, mut clawgate, _client) = stuck("30s");
        let start = Instant::now();
        clawgate.signal(first);
        clawgate.event("draining", 1);

        clawgate.signal(second);

        assert_eq!(clawgate.wait().code(), Some(1));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert_eq!(clawgate.event("stopped", 1)["forced"], 1);
    }
}

#[test]
fn a_hangup_in_between_is_no_second_signal() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(POST);
    backend.first();
    clawgate.signal("TERM");
    clawgate.event("draining", 1);

    clawgate.signal("HUP");
    clawgate.event("reload_failed", 1);
    latch.open();

    assert_eq!(client.answer().status, 200);
    drop(client);
    assert_eq!(clawgate.wait().code(), Some(0));
    eventually("the last line", || clawgate.events("stopped").pop());
}
