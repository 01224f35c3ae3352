//! HTTP/2 requests that are malformed (RFC 9113 section 8.1.1): their stream ends with PROTOCOL_ERROR, and the upstream
//! never takes one for a whole request.

use std::sync::mpsc::{self, Receiver};

use crate::support::backend::Backend;
use crate::support::client::Connection;
use crate::support::frames::{
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, frame, literal, open, read_frame,
    request, request_fields,
};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

const PROTOCOL_ERROR: [u8; 4] = [0, 0, 0, 1];

/// An upstream that says of each connection whether a whole request came on it.
fn recorder() -> (Backend, Receiver<bool>) {
    let (verdict, verdicts) = mpsc::channel();
    let backend = Backend::script(move |mut exchange| {
        let whole = exchange.request().is_some();
        exchange.answer("200 OK", "text/plain", "ok");
        let _ = verdict.send(whole);
    });
    (backend, verdicts)
}

fn start() -> (Pki, Clawgate, Receiver<bool>) {
    let pki = Pki::new();
    let (backend, verdicts) = recorder();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    (pki, clawgate, verdicts)
}

/// A head with these fields and the usual ones.
fn head(flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = request_fields();
    for (name, value) in fields {
        block.extend(literal(name, value));
    }
    frame(HEADERS, flags | END_HEADERS, 1, &block)
}

fn trailers(block: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, 1, block)
}

/// Waits for the stream's end; none of its answer may come before.
fn is_reset(connection: &mut Connection, case: &str) {
    loop {
        let frame = read_frame(connection);
        match (frame.kind, frame.stream) {
            (RST_STREAM, 1) => return assert_eq!(frame.payload, PROTOCOL_ERROR, "{case}"),
            (GOAWAY, 0) => return assert_eq!(frame.payload[4..8], PROTOCOL_ERROR, "{case}"),
            (HEADERS | DATA, 1) => panic!("answered: {case}"),
            _ => {}
        }
    }
}

/// The connection is good for another request, which is the only one that the upstream takes for whole.
fn next_is_served(connection: &mut Connection, verdicts: &Receiver<bool>, case: &str) {
    connection.write(&request(3));
    loop {
        let frame = read_frame(connection);
        if (frame.kind, frame.stream) == (DATA, 3) && frame.flags & END_STREAM != 0 {
            break;
        }
    }
    // Those before it were cut off.
    while !verdicts.recv().unwrap() {}
    assert!(!verdicts.try_iter().any(|whole| whole), "the upstream took it for whole: {case}");
}

#[test]
fn a_body_that_is_not_as_long_as_declared_is_malformed() {
    let data = |flags: u8, bytes: &[u8]| frame(DATA, flags, 1, bytes);
    let cases: [(&str, Vec<u8>); 8] = [
        ("shorter", [head(0, &[("content-length", "5")]), data(END_STREAM, b"four")].concat()),
        (
            "shorter, in pieces",
            [head(0, &[("content-length", "5")]), data(0, b"12"), data(0, b"34"), data(END_STREAM, b"")]
                .concat(),
        ),
        ("longer", [head(0, &[("content-length", "3")]), data(END_STREAM, b"four")].concat()),
        (
            "longer, in pieces",
            [head(0, &[("content-length", "3")]), data(0, b"123"), data(END_STREAM, b"4")].concat(),
        ),
        ("none", head(END_STREAM, &[("content-length", "5")])),
        (
            "shorter, with trailers",
            [
                head(0, &[("content-length", "5")]),
                data(0, b"four"),
                trailers(&literal("x-trailer", "y")),
            ]
            .concat(),
        ),
        (
            "two lengths",
            [head(0, &[("content-length", "4"), ("content-length", "5")]), data(END_STREAM, b"four")]
                .concat(),
        ),
        ("no number", [head(0, &[("content-length", "+4")]), data(END_STREAM, b"four")].concat()),
    ];
    for (case, frames) in cases {
        let (pki, clawgate, verdicts) = start();
        let mut connection = open(&pki, &clawgate);

        connection.write(&frames);

        is_reset(&mut connection, case);
        next_is_served(&mut connection, &verdicts, case);
    }
}

#[test]
fn trailers_with_fields_of_the_connection_or_of_the_head_are_malformed() {
    for (name, value) in [
        ("connection", "close"),
        ("keep-alive", "5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        (":path", "/hooks/other"),
        (":method", "PUT"),
        (":authority", "other"),
        (":scheme", "https"),
        (":status", "200"),
    ] {
        let (pki, clawgate, verdicts) = start();
        let mut connection = open(&pki, &clawgate);

        connection.write(&head(0, &[]));
        connection.write(&frame(DATA, 0, 1, b"body"));
        connection.write(&trailers(&literal(name, value)));

        is_reset(&mut connection, name);
        next_is_served(&mut connection, &verdicts, name);
    }
}

#[test]
fn trailers_that_are_well_formed_end_a_request_and_do_not_reach_the_upstream() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = open(&pki, &clawgate);

    connection.write(&head(0, &[]));
    connection.write(&frame(DATA, 0, 1, b"body"));
    connection.write(&trailers(&literal("x-trailer", "y")));

    assert_eq!(backend.first().body, b"body");
    assert!(!backend.first().head.contains("x-trailer"));
    assert_eq!(clawgate.request()["status"], 200);
}
