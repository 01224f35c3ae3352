//! Answers that HTTP/1.1 allows an upstream to give, and what the client gets of them.

use crate::support::backend::Backend;
use crate::support::client::{Client, Connection};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// A clawgate before an upstream that sends `bytes` for every request.
fn answering(pki: &Pki, bytes: &'static str) -> (Backend, Clawgate) {
    let backend = Backend::each(move |exchange, _| exchange.write(bytes.as_bytes()));
    let clawgate = ClawgateCommand::new(pki).upstream(backend.url()).arg("--method", "any").start();
    (backend, clawgate)
}

fn ask(client: &mut Connection, method: &str) {
    client.write(format!("{method} /hooks/wake HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
}

#[test]
fn an_interim_answer_is_not_the_answer() {
    for interim in ["100 Continue", "102 Processing", "103 Early Hints\r\nLink: </x>; rel=preload"] {
        let pki = Pki::new();
        let backend = Backend::each(move |exchange, _| {
            exchange.write(format!("HTTP/1.1 {interim}\r\n\r\n").as_bytes());
            exchange.answer("200 OK", "text/plain", "final");
        });
        let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

        let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

        assert_eq!((answer.status, &*answer.body), (200, &b"final"[..]), "{interim}");
        assert_eq!(clawgate.request()["status"], 200);
    }
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    let answers = [
        ("POST", "HTTP/1.1 204 No Content\r\nX-Kept: yes\r\n\r\n", 204, None),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nX-Kept: yes\r\n\r\n", 304, None),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kept: yes\r\n\r\n", 200, Some("5")),
        ("POST", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Kept: yes\r\n\r\n", 200, Some("0")),
    ];
    for (method, bytes, status, length) in answers {
        let pki = Pki::new();
        let (backend, clawgate) = answering(&pki, bytes);
        let mut client = Client::new(&pki, &clawgate).connect().unwrap();

        // On one connection, so that a body that should not be there would be taken for the next head.
        for _ in 0..3 {
            ask(&mut client, method);
            let head = client.head();
            let start = format!("HTTP/1.1 {status} ");
            assert!(head.starts_with(&start), "{method} {status}: {head}");
            assert!(head.contains("x-kept: yes\r\n"), "{head}");
            let lines: Vec<_> = head.lines().filter_map(|line| line.split_once(": ")).collect();
            let found = lines.iter().find(|(name, _)| *name == "content-length");
            assert_eq!(found.map(|(_, value)| *value), length, "{method} {status}: {head}");
            assert!(!head.contains("transfer-encoding"), "{head}");
        }
        assert_eq!(backend.connections(), 1, "{method} {status}");
    }
}

#[test]
fn a_chunked_answer_arrives_whole_and_its_connection_is_used_again() {
    let pki = Pki::new();
    let (backend, clawgate) = answering(
        &pki,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
    );
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    for _ in 0..3 {
        ask(&mut client, "POST");
        assert_eq!(client.answer().body, b"abcdefg");
    }

    assert_eq!(backend.connections(), 1);
    assert_eq!(clawgate.request()["bytes_out"], 7);
}

#[test]
fn an_answer_that_ends_with_its_connection_arrives_whole() {
    for version in ["1.0", "1.1"] {
        let pki = Pki::new();
        let backend = Backend::script(move |mut exchange| {
            exchange.request().unwrap();
            exchange.write(format!("HTTP/{version} 200 OK\r\nX-Kept: yes\r\n\r\nabc").as_bytes());
            exchange.write(b"defg");
        });
        let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
        let mut client = Client::new(&pki, &clawgate).connect().unwrap();

        for number in 0..3 {
            ask(&mut client, "POST");
            let answer = client.answer();
            assert_eq!((answer.status, &*answer.body), (200, &b"abcdefg"[..]), "HTTP/{version}");
            assert_eq!(answer.header("x-kept"), Some("yes"));
            assert_eq!(clawgate.event("request", number + 1)["reason"], serde_json::Value::Null);
        }
        assert_eq!(backend.connections(), 3);
    }
}

#[test]
fn a_large_answer_arrives_byte_for_byte() {
    let pki = Pki::new();
    let text: String = (0..300_000).map(|number| format!("{number};")).collect();
    let sent = text.clone();
    let backend = Backend::each(move |exchange, _| exchange.answer("200 OK", "text/plain", &sent));
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

    assert!(answer.body == text.as_bytes());
    assert_eq!(clawgate.request()["bytes_out"], text.len());
}

#[test]
fn the_statuses_of_the_upstream_are_its_own() {
    for status in
        ["301 Moved", "400 Bad Request", "409 Conflict", "429 Slow", "500 Oh", "503 Later", "599 X"]
    {
        let pki = Pki::new();
        let backend = Backend::each(move |exchange, _| {
            exchange.write(
                format!("HTTP/1.1 {status}\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno").as_bytes(),
            );
        });
        let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

        let answer = Client::new(&pki, &clawgate).post("/hooks/wake", "{}");

        assert_eq!(answer.status, status[..3].parse::<u16>().unwrap());
        assert_eq!((answer.header("retry-after"), &*answer.body), (Some("7"), &b"no"[..]));
        assert_eq!(answer.header("x-clawgate-reason"), None);
        assert_eq!(backend.received().len(), 1, "it is never asked twice");
    }
}
