//! Several requests on one connection: each gets its own answer, and a malformed one ends the connection.

use std::sync::Mutex;
use std::sync::mpsc;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

fn post(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}")
}

const BROKEN: &[u8] = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n";

/// Answers with the path that was asked for.
fn telling_paths() -> Backend {
    Backend::each(|exchange, request| {
        let path = request.request_line().split(' ').nth(1).unwrap().to_owned();
        exchange.answer("200 OK", "text/plain", &path);
    })
}

#[test]
fn requests_sent_at_once_are_answered_in_their_order() {
    let pki = Pki::new();
    let backend = telling_paths();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    connection.write([post("/hooks/one"), post("/hooks/two"), post("/hooks/three")].concat().as_bytes());

    for path in ["/hooks/one", "/hooks/two", "/hooks/three"] {
        let answer = connection.answer();
        assert_eq!((answer.status, answer.body.as_slice()), (200, path.as_bytes()));
    }
    clawgate.event("request", 3);
    let ids: Vec<_> = clawgate.events("request").iter().map(|line| line["id"].to_string()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
}

#[test]
fn a_refused_request_does_not_end_the_connection_for_the_next() {
    let pki = Pki::new();
    let backend = telling_paths();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    connection.write([post("/closed"), post("/hooks/open")].concat().as_bytes());

    assert_eq!(connection.answer().reason(), "no_route");
    assert_eq!(connection.answer().body, b"/hooks/open");
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_broken_request_after_a_good_one_is_refused_and_ends_the_connection() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    connection.write(post("/hooks/wake").as_bytes());
    assert_eq!(connection.answer().status, 200);
    connection.write(BROKEN);

    let answer = connection.answer();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.reason(), "bad_request");
    assert!(connection.is_closed());
    assert_eq!(clawgate.event("request", 1)["status"], 200);
    assert_eq!(clawgate.event("request", 2)["reason"], "bad_request");
    assert_eq!(backend.received().len(), 1);
}

#[test]
fn a_malformed_request_is_not_answered_before_one_that_is_in_progress() {
    let pki = Pki::new();
    let (begun, at_upstream) = mpsc::channel();
    let backend = Backend::each(move |_, _| begun.send(()).unwrap());
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    connection.write(post("/hooks/wake").as_bytes());
    at_upstream.recv().unwrap();
    connection.write(BROKEN);

    assert!(connection.is_closed());
    assert_eq!(clawgate.event("request", 1)["reason"], "sender_gone");
    assert_eq!(clawgate.event("request", 2)["reason"], "bad_request");
}

#[test]
fn a_broken_request_does_not_end_up_in_an_answer_that_is_on_its_way() {
    let pki = Pki::new();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let backend = Backend::each(move |exchange, _| {
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegun");
        let _ = released.lock().unwrap().recv();
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    connection.write(post("/hooks/wake").as_bytes());
    assert!(connection.head().starts_with("HTTP/1.1 200 "));
    assert_eq!(connection.exactly(5), b"begun");
    connection.write(BROKEN);

    assert!(connection.is_closed());
    eventually("both log lines", || (clawgate.events("request").len() == 2).then_some(()));
    drop(release);
}
