//! Refusals of requests whose body is still arriving: the next request on the connection is served, or the client is
//! told that the connection ends (RFC 9112 section 9.6).

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client, Connection};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::unused_port;

fn head(method: &str, path: &str, fields: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes()
}

fn open(backend: &Backend) -> (Pki, Clawgate) {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    (pki, clawgate)
}

/// Whether an answer says that nothing follows it.
fn says_close(answer: &Answer) -> bool {
    answer.header("connection").is_some_and(|value| value.contains("close"))
}

/// Requests that are refused before their body is looked at: method and path, and the status.
const REFUSED: [(&str, &str, u16); 3] =
    [("POST", "/closed", 404), ("PUT", "/hooks/wake", 405), ("POST", "/hooks//x", 400)];

/// Declared and in chunks: fields, and body.
fn framings(size: usize) -> [(String, Vec<u8>); 2] {
    let body = vec![b'x'; size];
    let chunked = [format!("{size:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    [
        (format!("Content-Length: {size}\r\n"), body),
        ("Transfer-Encoding: chunked\r\n".to_owned(), chunked),
    ]
}

/// Makes a request that the upstream is to see.
fn next_is_served(connection: &mut Connection) {
    connection.write(&head("POST", "/hooks/wake", "Content-Length: 4\r\n"));
    connection.write(b"next");
    assert_eq!(connection.answer().status, 200);
}

#[test]
fn a_refusal_of_a_small_body_that_comes_after_its_head_keeps_the_connection() {
    let backend = Backend::ok();
    let (pki, clawgate) = open(&backend);
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    let mut served = 0;
    for size in [1, 300, 60_000] {
        for (fields, body) in framings(size) {
            for (method, path, status) in REFUSED {
                connection.write(&head(method, path, &fields));
                connection.write(&body);

                let answer = connection.answer();
                assert_eq!((answer.status, says_close(&answer)), (status, false), "{path} {fields}");
                next_is_served(&mut connection);
                served += 1;
            }
        }
    }
    assert_eq!(backend.received().len(), served);
}

#[test]
fn a_refusal_of_a_body_that_does_not_come_says_that_the_connection_ends() {
    let backend = Backend::ok();
    let (pki, clawgate) = open(&backend);
    for (fields, _) in framings(300) {
        for (method, path, status) in REFUSED {
            let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
            connection.write(&head(method, path, &fields));

            let answer = connection.answer();
            assert_eq!((answer.status, says_close(&answer)), (status, true), "{path} {fields}");
            assert!(connection.is_closed());
        }
    }
}

#[test]
fn a_refusal_of_a_large_body_says_at_once_that_the_connection_ends() {
    let backend = Backend::ok();
    let (pki, clawgate) = open(&backend);
    let [(fields, body), (chunked, chunks)] = framings(3 * 1024 * 1024);
    for (method, path, status) in REFUSED {
        let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
        connection.write(&head(method, path, &fields));
        // The answer is there before any of the body is.
        let answer = connection.answer();
        assert_eq!((answer.status, says_close(&answer)), (status, true), "{path}");
        connection.write(&body);
        assert!(connection.is_closed());

        let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
        connection.write(&head(method, path, &chunked));
        connection.write(&chunks);
        let answer = connection.answer();
        assert_eq!((answer.status, says_close(&answer)), (status, true), "{path}");
        assert!(connection.is_closed());
    }
}

#[test]
fn a_refused_body_is_not_asked_for_and_the_connection_ends_as_the_answer_says() {
    let backend = Backend::ok();
    let (pki, clawgate) = open(&backend);
    for (method, path, status) in REFUSED {
        let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
        connection.write(&head(method, path, "Expect: 100-continue\r\nContent-Length: 300\r\n"));

        let answer = connection.only_answer();
        assert_eq!((answer.status, says_close(&answer)), (status, true), "{path}");
        assert!(connection.is_closed());
    }
}

#[test]
fn an_upstream_that_is_down_costs_a_client_no_connection() {
    let pki = Pki::new();
    let unused = unused_port();
    let clawgate = ClawgateCommand::new(&pki).upstream(format!("http://{unused}")).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    for (fields, body) in framings(300) {
        for _ in 0..5 {
            connection.write(&head("POST", "/hooks/wake", &fields));
            connection.write(&body);

            let answer = connection.answer();
            assert_eq!((answer.status, says_close(&answer)), (503, false), "{fields}");
        }
    }
}

/// An upstream that answers as soon as it has the head, and reads on or closes.
fn early(head: &'static str, reads_on: bool) -> Backend {
    Backend::script(move |mut exchange| {
        while let Some(head_of_request) = exchange.head() {
            exchange.write(head.as_bytes());
            if !reads_on {
                return;
            }
            let fields: Vec<_> = head_of_request.lines().collect();
            let length = fields.iter().find_map(|line| line.strip_prefix("content-length: "));
            exchange.exactly(length.unwrap().parse().unwrap());
        }
    })
}

#[test]
fn an_early_answer_of_an_upstream_that_reads_on_keeps_the_connection() {
    for size in [300, 200_000] {
        let backend = early("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", true);
        let (pki, clawgate) = open(&backend);
        let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
        let [(fields, body), _] = framings(size);
        for _ in 0..3 {
            connection.write(&head("POST", "/hooks/wake", &fields));
            let answer = connection.answer();
            assert_eq!((answer.status, says_close(&answer)), (401, false), "{size}");
            connection.write(&body);
        }
    }
}

#[test]
fn an_early_answer_of_an_upstream_that_closes_says_that_the_connection_ends() {
    for answer in [
        "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 413 Payload Too Large\r\nConnection: Keep, Close\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n\r\nno",
        "HTTP/1.0 413 Payload Too Large\r\n\r\nno",
    ] {
        for (fields, _) in framings(300) {
            let backend = early(answer, false);
            let (pki, clawgate) = open(&backend);
            let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

            connection.write(&head("POST", "/hooks/wake", &fields));

            let answer = connection.answer();
            assert_eq!((answer.status, says_close(&answer)), (413, true), "{answer:?}");
            assert!(connection.is_closed());
        }
    }
}
