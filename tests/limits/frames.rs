//! HTTP/2 frames that no client library sends: a flood ends its own connection, and costs clawgate little.

use std::io::Write;

use super::{hits, with_limits};
use crate::support::backend::Backend;
use crate::support::client::{Client, Connection};
use crate::support::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, frame, open,
    request_fields,
};
use crate::support::pki::Pki;
use crate::support::process::Clawgate;

/// Writes pieces until clawgate stops reading, at most `most` of them; returns how many.
fn flood(connection: &mut Connection, most: usize, mut piece: impl FnMut(usize) -> Vec<u8>) -> usize {
    for number in 0..most {
        let piece = piece(number);
        if connection.stream.write_all(&piece).and_then(|()| connection.stream.flush()).is_err() {
            return number;
        }
    }
    most
}

fn is_served(pki: &Pki, clawgate: &Clawgate) -> bool {
    Client::new(pki, clawgate).post("/hooks/wake", "{}").status == 200
}

/// The most memory that clawgate has held so far, in KiB.
fn peak(clawgate: &Clawgate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", clawgate.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

#[test]
fn streams_that_are_reset_as_soon_as_they_are_opened_end_their_connection() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = with_limits(&pki, &backend.url(), "").start();
    let mut connection = open(&pki, &clawgate);

    let taken = flood(&mut connection, 100, |number| {
        let pair = |place: usize| {
            let stream = u32::try_from(2 * (number * 100 + place) + 1).unwrap();
            let headers = frame(HEADERS, END_STREAM | END_HEADERS, stream, &request_fields());
            [headers, frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()
        };
        (0..100).flat_map(pair).collect()
    });

    assert!(taken < 100, "all of them were taken");
    let line = clawgate.event("connection_flooded", 1);
    assert_eq!((&line["level"], &line["cn"]), (&"warn".into(), &"notes".into()), "{line}");
    assert_eq!(hits(&clawgate, "streams"), 1);
    assert!(backend.received().len() < 100, "{} of them came through", backend.received().len());
    assert!(is_served(&pki, &clawgate));
}

#[test]
fn a_head_that_never_ends_is_not_kept() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "").start();
    assert!(is_served(&pki, &clawgate));
    let before = peak(&clawgate);
    let mut connection = open(&pki, &clawgate);
    connection.write(&frame(HEADERS, END_STREAM, 1, &request_fields()));
    // A literal field without indexing, of 16,000 bytes: RFC 7541 section 6.2.2.
    let field = [&[0x00, 1, b'x', 0x7f, 0x81, 0x7c][..], &[b'y'; 16_000]].concat();

    let taken = flood(&mut connection, 2000, |_| frame(CONTINUATION, 0, 1, &field));

    assert!(taken < 2000, "32 MB of a head were taken");
    clawgate.event("connection_flooded", 1);
    assert!(peak(&clawgate) - before < 8 * 1024, "{} KiB more", peak(&clawgate) - before);
    assert!(is_served(&pki, &clawgate));
}

#[test]
fn a_small_head_that_unpacks_to_a_large_one_is_refused() {
    const REFERENCES: usize = 15_000;
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = with_limits(&pki, &backend.url(), "").start();
    assert!(is_served(&pki, &clawgate));
    let before = peak(&clawgate);
    let mut connection = open(&pki, &clawgate);
    // RFC 7541 section 6.2.1: put a field of 3,000 bytes into the table; then name it again and again.
    let field = [&[0x40, 1, b'x', 0x7f, 0xb9, 0x16][..], &[b'y'; 3000]].concat();
    let bomb = [request_fields(), field, vec![0x80 | 62; REFERENCES]].concat();
    let (first, rest) = bomb.split_at(16_000);

    flood(&mut connection, 20, |number| {
        let stream = u32::try_from(2 * number + 1).unwrap();
        [frame(HEADERS, END_STREAM, stream, first), frame(CONTINUATION, END_HEADERS, stream, rest)]
            .concat()
    });

    assert!(is_served(&pki, &clawgate));
    assert_eq!(backend.received().len(), 2, "a bomb came through");
    assert!(peak(&clawgate) - before < 8 * 1024, "{} KiB more", peak(&clawgate) - before);
}

#[test]
fn settings_and_pings_without_end_cost_no_memory() {
    for (kind, payload) in [(SETTINGS, &[][..]), (PING, &[0; 8])] {
        let pki = Pki::new();
        let clawgate = with_limits(&pki, "echo:", "send_timeout = \"500ms\"").start();
        assert!(is_served(&pki, &clawgate));
        let before = peak(&clawgate);
        let mut connection = open(&pki, &clawgate);
        // None of the answers is read, so at some time clawgate must stop to take more.
        connection.stream.sock.set_write_timeout(Some(std::time::Duration::from_secs(3))).unwrap();

        flood(&mut connection, 1000, |_| frame(kind, 0, 0, payload).repeat(1000));

        assert!(peak(&clawgate) - before < 8 * 1024, "{} KiB more", peak(&clawgate) - before);
        assert!(is_served(&pki, &clawgate));
    }
}

/// The client reads nothing, so that not even the refusals leave.
#[test]
fn an_identity_that_does_not_take_its_refusals_loses_its_connection() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "requests_at_once = 10\nrequest_timeout = \"5m\"").start();
    let mut connection = open(&pki, &clawgate);
    // SETTINGS_INITIAL_WINDOW_SIZE of 0: no body of an answer may be sent.
    connection.write(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));

    let requests = (0..30)
        .flat_map(|number| frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &request_fields()));
    connection.write(&requests.collect::<Vec<_>>());

    let line = clawgate.event("connection_flooded", 1);
    assert!(line["detail"].as_str().unwrap().contains("in progress"), "{line}");
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut connection.stream, &mut rest);
    assert!(is_served(&pki, &clawgate), "its places were not given back");
}
