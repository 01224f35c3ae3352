//! Bodies: streamed both ways, byte for byte, within limits of size, time and memory.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client, Connection};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, unused_port};

/// The default limit.
const LIMIT: usize = 256 * 1024;

/// A clawgate with its defaults before `backend`, and a client's connection to it.
fn open(backend: &Backend) -> (Pki, Clawgate, Connection) {
    open_with(backend, &[])
}

fn open_with(backend: &Backend, arguments: &[(&str, &str)]) -> (Pki, Clawgate, Connection) {
    let pki = Pki::new();
    let mut command = ClawgateCommand::new(&pki).upstream(backend.url());
    for (flag, value) in arguments {
        command = command.arg(flag, *value);
    }
    let clawgate = command.start();
    let connection = Client::new(&pki, &clawgate).connect().unwrap();
    (pki, clawgate, connection)
}

/// Bytes that show when one is lost, doubled or moved.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn head(fields: &str) -> Vec<u8> {
    format!("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes()
}

fn chunk(data: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// An upstream that reads one request and says whether it came whole.
fn recorder() -> (Backend, Receiver<bool>) {
    let (verdict, verdicts) = mpsc::channel();
    let backend = Backend::script(move |mut exchange| {
        let whole = exchange.request().is_some();
        verdict.send(whole).unwrap();
        exchange.answer("200 OK", "text/plain", "ok");
    });
    (backend, verdicts)
}

#[test]
fn a_body_of_exactly_the_limit_passes_intact() {
    let backend = Backend::ok();
    let (_pki, clawgate, mut connection) = open(&backend);
    let body = bytes(LIMIT);

    connection.write(&head(&format!("Content-Length: {LIMIT}\r\n")));
    connection.write(&body);

    assert_eq!(connection.answer().status, 200);
    assert!(backend.first().body == body);
    assert_eq!(clawgate.request()["bytes_in"], LIMIT);
}

#[test]
fn a_body_declared_larger_than_the_limit_is_refused_before_the_upstream_hears_of_it() {
    let backend = Backend::ok();
    let (_pki, clawgate, mut connection) = open(&backend);

    connection.write(&head(&format!("Content-Length: {}\r\n", LIMIT + 1)));

    let answer = connection.answer();
    assert_eq!((answer.status, &*answer.reason()), (413, "body_too_large"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("262144"));
    assert!(connection.is_closed());
    let line = clawgate.request();
    assert_eq!(line["reason"], "body_too_large");
    assert_eq!(line["bytes_in"], 0);
    assert_eq!(backend.connections(), 0);
}

#[test]
fn a_chunked_body_is_refused_as_soon_as_it_is_over_the_limit() {
    let (backend, verdicts) = recorder();
    let (_pki, clawgate, mut connection) = open(&backend);

    connection.write(&head("Transfer-Encoding: chunked\r\n"));
    connection.write(&chunk(&bytes(LIMIT)));
    connection.write(&chunk(b"x"));

    let answer = connection.answer();
    assert_eq!((answer.status, &*answer.reason()), (413, "body_too_large"));
    assert!(connection.is_closed());
    assert_eq!(clawgate.request()["reason"], "body_too_large");
    assert!(!verdicts.recv().unwrap(), "the upstream saw a complete request");
}

#[test]
fn a_chunked_body_of_exactly_the_limit_passes_intact() {
    let backend = Backend::ok();
    let (_pki, _clawgate, mut connection) = open(&backend);
    let body = bytes(LIMIT);

    connection.write(&head("Transfer-Encoding: chunked\r\n"));
    for piece in body.chunks(4099) {
        connection.write(&chunk(piece));
    }
    connection.write(b"0;the=end\r\n\r\n");

    assert_eq!(connection.answer().status, 200);
    assert!(backend.first().body == body);
    assert_eq!(backend.first().value("content-length"), None);
}

#[test]
fn an_empty_body_arrives_empty() {
    let backend = Backend::ok();
    let (_pki, _clawgate, mut connection) = open(&backend);
    for (fields, body) in
        [("", ""), ("Content-Length: 0\r\n", ""), ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")]
    {
        connection.write(&head(fields));
        connection.write(body.as_bytes());
        assert_eq!(connection.answer().status, 200, "{fields:?}");
        assert!(backend.received().last().unwrap().body.is_empty(), "{fields:?}");
    }
    assert_eq!(backend.received().len(), 3);
}

#[test]
fn a_body_is_asked_for_with_100_when_everything_else_is_fine() {
    let backend = Backend::ok();
    let (_pki, _clawgate, mut connection) = open(&backend);

    connection.write(&head("Expect: 100-continue\r\nContent-Length: 2\r\n"));
    assert_eq!(connection.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    connection.write(b"{}");

    assert_eq!(connection.only_answer().status, 200);
    assert_eq!(backend.first().body, b"{}");
    assert_eq!(backend.first().value("expect"), None);
}

#[test]
fn a_body_is_not_asked_for_when_the_request_is_refused_anyway() {
    let backend = Backend::ok();
    let (pki, clawgate, _connection) = open(&backend);
    for (request, status) in [
        ("POST /closed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n", 404),
        ("PUT /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n", 405),
        ("POST /hooks/../x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n", 400),
        ("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 262145\r\n", 413),
    ] {
        let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
        connection.write(format!("{request}Expect: 100-continue\r\n\r\n").as_bytes());
        assert_eq!(connection.only_answer().status, status, "{request:?}");
    }
    assert_eq!(backend.connections(), 0);
}

#[test]
fn a_body_is_not_asked_for_when_the_upstream_is_down() {
    let pki = Pki::new();
    let unused = unused_port();
    let clawgate = ClawgateCommand::new(&pki).upstream(format!("http://{unused}")).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    connection.write(&head("Expect: 100-continue\r\nContent-Length: 2\r\n"));

    let answer = connection.only_answer();
    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_unavailable"));
}

#[test]
fn a_client_that_says_goodbye_before_it_reads_has_its_answer_whole() {
    let body = bytes(64 * 1024).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let answer = body.clone();
    let backend = Backend::each(move |exchange, _| exchange.answer("200 OK", "text/plain", &answer));
    let (_pki, mut clawgate, mut connection) = open(&backend);
    connection.write(&head("Content-Length: 0\r\n"));
    clawgate.request();

    connection.stream.conn.send_close_notify();
    connection.stream.flush().unwrap();
    connection.stream.sock.shutdown(std::net::Shutdown::Write).unwrap();

    // After this all of its sockets are closed, and nothing can be sent any more.
    assert!(clawgate.stop().success());
    let (text, orderly) = connection.rest();
    assert!(text.ends_with(&body), "{} bytes", text.len());
    assert!(orderly);
}

#[test]
fn the_upstream_gets_the_first_half_of_a_body_before_the_second_is_sent() {
    let (half, halves) = mpsc::channel();
    let backend = Backend::script(move |mut exchange| {
        exchange.head().unwrap();
        half.send(exchange.exactly(5).unwrap()).unwrap();
        half.send(exchange.exactly(6).unwrap()).unwrap();
        exchange.answer("200 OK", "text/plain", "both");
    });
    let (_pki, _clawgate, mut connection) = open(&backend);

    connection.write(&head("Content-Length: 11\r\n"));
    connection.write(b"first");
    assert_eq!(halves.recv().unwrap(), b"first");
    connection.write(b"second");

    assert_eq!(connection.answer().body, b"both");
    assert_eq!(halves.recv().unwrap(), b"second");
}

#[test]
fn the_client_gets_the_first_half_of_an_answer_before_the_second_is_sent() {
    for (fields, first, second) in [
        ("Content-Length: 11", "first", "second"),
        ("Transfer-Encoding: chunked", "5\r\nfirst\r\n", "6\r\nsecond\r\n0\r\n\r\n"),
    ] {
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        let backend = Backend::each(move |exchange, _| {
            exchange.write(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{first}").as_bytes());
            released.lock().unwrap().recv().unwrap();
            exchange.write(second.as_bytes());
        });
        let (_pki, _clawgate, mut connection) = open(&backend);

        connection.write(&head("Content-Length: 0\r\n"));
        assert_eq!(Answer::parse(&connection.head()).status, 200);
        assert_eq!(connection.exactly(first.len()), first.as_bytes());
        release.send(()).unwrap();

        assert_eq!(connection.exactly(second.len()), second.as_bytes());
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_body_leaves_no_request_behind() {
    for (fields, part) in
        [("Content-Length: 11", &b"first"[..]), ("Transfer-Encoding: chunked", b"5\r\nfirst\r\n")]
    {
        let (backend, verdicts) = recorder();
        let (_pki, clawgate, mut connection) = open(&backend);

        connection.write(&head(&format!("{fields}\r\n")));
        connection.write(part);
        eventually("the upstream's connection", || (backend.connections() == 1).then_some(()));
        drop(connection);

        assert!(!verdicts.recv().unwrap(), "the upstream saw a complete request: {fields}");
        assert_eq!(clawgate.request()["reason"], "sender_gone", "{fields}");
    }
}

#[test]
fn an_answer_that_comes_before_the_body_is_complete_reaches_the_client() {
    let backend = Backend::script(|mut exchange| {
        exchange.head().unwrap();
        exchange.answer("401 Unauthorized", "text/plain", "Unauthorized");
        while exchange.exactly(1).is_some() {}
    });
    let (_pki, clawgate, mut connection) = open(&backend);

    connection.write(&head("Content-Length: 100000\r\n"));
    connection.write(b"the beginning");

    let answer = connection.answer();
    assert_eq!((answer.status, answer.body.as_slice()), (401, &b"Unauthorized"[..]));
    assert_eq!(clawgate.request()["status"], 401);
}

#[test]
fn a_large_answer_passes_intact() {
    let body = Arc::new(bytes(8 * 1024 * 1024));
    let sent = Arc::clone(&body);
    let backend = Backend::each(move |exchange, _| {
        exchange.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", sent.len()).as_bytes());
        exchange.write(&sent);
    });
    let (_pki, clawgate, mut connection) = open(&backend);

    connection.write(&head("Content-Length: 0\r\n"));

    assert!(connection.answer().body == *body);
    assert_eq!(clawgate.request()["bytes_out"], body.len());
}

#[test]
fn a_client_that_does_not_read_makes_clawgate_stop_reading() {
    const ALL: usize = 64 * 1024 * 1024;
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let backend = Backend::each(move |exchange, _| {
        exchange.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n").as_bytes());
        let piece = [b'x'; 64 * 1024];
        while counter.load(Ordering::Relaxed) < ALL && exchange.stream.write_all(&piece).is_ok() {
            counter.fetch_add(piece.len(), Ordering::Relaxed);
        }
    });
    let (_pki, _clawgate, mut connection) = open(&backend);

    connection.write(&head("Content-Length: 0\r\n"));
    let mut last = (0, Instant::now());
    let stuck = eventually("the upstream's write to get stuck", || {
        let now = taken.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (now > 0 && last.1.elapsed() > Duration::from_secs(1)).then_some(now)
    });
    // What the kernel's buffers of two connections hold, and little more.
    assert!(stuck < ALL / 2, "{stuck} bytes were taken for a client that reads none");

    assert_eq!(Answer::parse(&connection.head()).status, 200);
    let mut left = ALL;
    while left > 0 {
        let count = left.min(1024 * 1024);
        assert!(connection.exactly(count).iter().all(|&byte| byte == b'x'));
        left -= count;
    }
    assert_eq!(taken.load(Ordering::Relaxed), ALL);
}

#[test]
fn a_body_that_stalls_is_given_up() {
    let (backend, verdicts) = recorder();
    let (_pki, clawgate, mut connection) = open_with(&backend, &[("--upstream-idle-timeout", "200ms")]);

    connection.write(&head("Content-Length: 11\r\n"));
    connection.write(b"first");

    let answer = connection.answer();
    assert_eq!((answer.status, &*answer.reason()), (408, "body_timeout"));
    assert!(connection.is_closed());
    assert_eq!(clawgate.request()["reason"], "body_timeout");
    assert!(!verdicts.recv().unwrap(), "the upstream saw a complete request");
}

#[test]
fn a_client_that_is_still_writing_reads_its_refusal_and_not_a_reset() {
    let body = bytes(1024 * 1024);
    for declared in [true, false] {
        let (backend, _verdicts) = recorder();
        let (_pki, _clawgate, mut connection) = open(&backend);

        if declared {
            connection.write(&head(&format!("Content-Length: {}\r\n", body.len())));
            connection.write(&body);
        } else {
            connection.write(&head("Transfer-Encoding: chunked\r\n"));
            connection.write(&chunk(&body));
            connection.write(b"0\r\n\r\n");
        }

        let answer = connection.answer();
        assert_eq!((answer.status, &*answer.reason()), (413, "body_too_large"), "declared: {declared}");
        let mut rest = [0];
        assert_eq!(connection.stream.read(&mut rest).unwrap(), 0, "declared: {declared}");
    }
}
