//! Requests that are refused, over HTTP/1 and HTTP/2.

use std::io::{Read, Write};

use super::{is_plain, log_is_plain};
use crate::support::client::{Client, Connection};
use crate::support::eventually;
use crate::support::frames::{
    DATA, END_HEADERS, END_STREAM, HEADERS, frame, literal, open, request, request_fields,
};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

fn start(pki: &Pki) -> Clawgate {
    ClawgateCommand::new(pki)
        .upstream("echo:")
        .arg("--max-body", "100")
        .arg("--log-level", "info")
        .start()
}

/// Ends the sending side, and reads all there is.
fn rest(mut connection: Connection) -> String {
    connection.stream.conn.send_close_notify();
    let _ = connection.stream.flush();
    let mut answer = Vec::new();
    let _ = connection.stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A good request after all others: when its line is there, theirs are.
#[track_caller]
fn ends_in_plain_words(pki: &Pki, mut clawgate: Clawgate) {
    assert_eq!(Client::new(pki, &clawgate).post("/hooks/last", "{}").status, 200);
    eventually("the last request's line", || {
        clawgate
            .events("request")
            .iter()
            .any(|line| line["path"] == "/hooks/last" || line["status"] == 200)
            .then_some(())
    });
    clawgate.stop();
    log_is_plain(&clawgate.lines());
}

#[test]
fn broken_requests_over_http_1_are_answered_in_plain_words() {
    let pki = Pki::new();
    let clawgate = start(&pki);
    let mut refused = 0;
    for request in [
        &b"\x00\x01\x02\r\n\r\n"[..],
        b"POST\r\n\r\n",
        b"POST /hooks/wake\r\n\r\n",
        b"POST /hooks/wake HTTP/9.9\r\nHost: a\r\n\r\n",
        b"P\x7fST /hooks/wake HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /hooks/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /hooks/../x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /hooks/a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST http://[::/hooks/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nb c: d\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nb\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nabc",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n",
        b"POST /hooks/wake HTTP/1.1\nHost: a\n\n",
        b"GET /hooks/wake HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
        connection.write(request);
        let answer = rest(connection);
        is_plain(&String::from_utf8_lossy(request), &answer);
        refused += usize::from(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5"));
    }
    assert!(refused > 20, "{refused}");
    ends_in_plain_words(&pki, clawgate);
}

#[test]
fn malformed_http_2_frames_are_logged_in_plain_words() {
    let pki = Pki::new();
    let clawgate = start(&pki);
    let head = |fields: &[(&str, &str)]| {
        let block =
            [request_fields(), fields.iter().flat_map(|(name, value)| literal(name, value)).collect()]
                .concat();
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)
    };
    let resets = (0..30u32).flat_map(|number| {
        let stream = 2 * number + 1;
        [request(stream), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
    });
    for frames in [
        // A confirmation of a ping that was never sent, which h2 logs.
        frame(6, 1, 0, &[7; 8]),
        frame(6, 0, 0, &[7; 3]),
        frame(6, 0, 1, &[7; 8]),
        frame(DATA, 0, 1, b"x"),
        frame(DATA, 0, 0, b"x"),
        frame(HEADERS, END_HEADERS, 2, &request_fields()),
        frame(HEADERS, END_HEADERS, 1, &[0xff; 20]),
        frame(4, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
        frame(4, 0, 0, &[0; 5]),
        frame(8, 0, 0, &[0; 4]),
        frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
        frame(3, 0, 9, &[0; 4]),
        frame(5, 4, 1, &[0; 8]),
        frame(9, 4, 1, &[0; 8]),
        frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 1]),
        frame(0x77, 0, 0, &[0; 8]),
        vec![0xff; 64],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        head(&[("connection", "close")]),
        head(&[("Upper", "case")]),
        head(&[("te", "gzip")]),
        head(&[(":path", "/twice")]),
        head(&[("content-length", "9")]),
        head(&[("transfer-encoding", "chunked")]),
        [request(1), frame(DATA, END_STREAM, 1, b"late")].concat(),
        [request(3), request(1)].concat(),
        resets.collect(),
    ] {
        let mut connection = open(&pki, &clawgate);
        connection.write(&frames);
        is_plain(&format!("{frames:02x?}"), &rest(connection));
    }
    ends_in_plain_words(&pki, clawgate);
}
