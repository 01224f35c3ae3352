//! Idle connections: parking and the idle timeout.

use std::time::{Duration, Instant};

use super::{are_parked, metric, with_limits};
use crate::support::client::{Client, Connection};
use crate::support::pki::Pki;
use crate::support::process::Clawgate;
use crate::support::{eventually, stay_silent};

const REQUEST: &[u8] = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
/// How long a slow client pauses.
const PAUSE: Duration = Duration::from_millis(250);

#[test]
fn a_client_that_pauses_is_answered_on_its_old_connection() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    for _ in 0..3 {
        are_parked(&clawgate, 1);
        client.write(REQUEST);
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn a_request_in_two_pieces_is_answered_on_a_connection_that_was_parked() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    for cut in [1, 20, REQUEST.len() - 1] {
        are_parked(&clawgate, 1);
        client.write(&REQUEST[..cut]);
        stay_silent(PAUSE);
        assert_eq!(metric(&clawgate, "clawgate_parked_connections"), 0, "in the middle of a request");
        client.write(&REQUEST[cut..]);
        assert_eq!(client.answer().status, 200, "cut after {cut} bytes");
    }
}

#[test]
fn an_empty_line_before_a_pause_does_not_spoil_the_request_after_it() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(REQUEST);
    assert_eq!(client.answer().status, 200);

    are_parked(&clawgate, 1);

    client.write(b"\r\n");
    // Long enough to be read, and to be parked again.
    stay_silent(PAUSE);
    are_parked(&clawgate, 1);
    client.write(REQUEST);

    assert_eq!(client.answer().status, 200);
}

#[test]
fn a_connection_without_a_request_ends_after_the_idle_timeout() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "idle_timeout = \"600ms\"").start();
    let mut unused = Client::new(&pki, &clawgate).connect().unwrap();
    let mut used = Client::new(&pki, &clawgate).connect().unwrap();
    used.write(REQUEST);
    assert_eq!(used.answer().status, 200);

    let start = Instant::now();
    assert!(unused.is_closed() && used.is_closed());
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
}

#[test]
fn the_idle_timeout_counts_from_the_last_answer() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "idle_timeout = \"600ms\"").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    for _ in 0..4 {
        stay_silent(PAUSE);
        client.write(REQUEST);
        assert_eq!(client.answer().status, 200);
    }

    assert!(client.is_closed());
}

#[test]
fn a_shutdown_does_not_wait_for_parked_connections() {
    let pki = Pki::new();
    let mut clawgate = with_limits(&pki, "echo:", "").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(REQUEST);
    assert_eq!(client.answer().status, 200);
    are_parked(&clawgate, 1);

    clawgate.signal("TERM");

    assert!(client.is_closed());
    assert!(clawgate.wait().success());
    assert_eq!(clawgate.event("stopped", 1)["forced"], 0);
}

/// Bytes of clawgate's heap and stacks that are in memory.
fn memory(clawgate: &Clawgate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", clawgate.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn ask(client: &mut Connection) {
    client.write(REQUEST);
    assert_eq!(client.answer().status, 200);
}

/// Clients that have made one request, and keep their connections.
fn crowd(pki: &Pki, clawgate: &Clawgate, count: usize) -> Vec<Connection> {
    let connected = (0..count).map(|_| {
        let mut client = Client::new(pki, clawgate).connect().unwrap();
        ask(&mut client);
        client
    });
    connected.collect()
}

/// hyper's two buffers alone are 16 KiB.
#[test]
fn a_parked_connection_holds_no_buffers_the_first_time_and_the_second() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "").arg("--workers", "1").start();
    // What is needed once.
    let _first = crowd(&pki, &clawgate, 150);
    are_parked(&clawgate, 150);
    let before = memory(&clawgate);

    let mut others = crowd(&pki, &clawgate, 300);
    are_parked(&clawgate, 450);
    for some in others.chunks_mut(30) {
        some.iter_mut().for_each(ask);
        are_parked(&clawgate, 450);
    }

    // The allocator gives back what is free in its own time.
    let each = || memory(&clawgate).saturating_sub(before) / 300;
    eventually("less than 26 KiB each", || (each() < 26 * 1024).then_some(()));
}

#[test]
fn what_a_crowd_needed_is_given_back_once_it_has_gone() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "").start();
    drop(crowd(&pki, &clawgate, 20));
    let before = memory(&clawgate);
    let crowd = crowd(&pki, &clawgate, 300);
    let needed = memory(&clawgate).saturating_sub(before);
    assert!(needed > 300 * 10 * 1024, "{needed} bytes");

    drop(crowd);

    // clawgate does nothing now, and no client connects.
    let kept = || memory(&clawgate).saturating_sub(before);
    eventually("memory given back", || (kept() < needed / 3).then_some(()));
}
