//! When a connection to the upstream is reused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::backend::{Backend, Exchange};
use crate::support::client::Client;
use crate::support::pki::{Leaf, Pki};
use crate::support::plain;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{Latch, TIMEOUT, eventually, stay_silent};

fn ok(exchange: &mut Exchange) {
    exchange.answer("200 OK", "application/json", "{}");
}

fn post(pki: &Pki, clawgate: &Clawgate) {
    assert_eq!(Client::new(pki, clawgate).post("/hooks/wake", "{}").status, 200);
}

/// On which connection each request came.
fn ways(backend: &Backend) -> Vec<usize> {
    backend.received().iter().map(|request| request.connection).collect()
}

#[test]
fn clients_share_one_connection_to_the_upstream() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let clients = ["one", "two", "three"].map(|cn| pki.client(Leaf::client(cn)));

    for identity in clients.iter().cycle().take(9) {
        let answer = Client::with_identity(&pki, &clawgate, identity).post("/hooks/wake", "{}");
        assert_eq!(answer.status, 200);
    }

    assert_eq!(ways(&backend), [0; 9]);
    assert_eq!(backend.connections(), 1);
}

#[test]
fn a_connection_that_was_idle_for_four_seconds_is_closed_and_the_next_request_opens_another() {
    let pki = Pki::new();
    let (ended, end) = mpsc::channel();
    let backend = Backend::script(move |mut exchange| {
        let mut answered = Instant::now();
        while exchange.request().is_some() {
            ok(&mut exchange);
            answered = Instant::now();
        }
        let _ = ended.send(answered.elapsed());
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    post(&pki, &clawgate);
    let idle = end.recv_timeout(TIMEOUT).expect("the end of the connection").as_millis();
    post(&pki, &clawgate);
    post(&pki, &clawgate);

    assert!((3900..6000).contains(&idle), "{idle} ms");
    assert_eq!(ways(&backend), [0, 1, 1]);
}

#[test]
fn an_upstream_that_closes_after_five_idle_seconds_loses_nothing() {
    // Node closes 5 s after its answer, plus up to a second; this one does at 5 s sharp.
    let gaps = [3000, 4050, 4900, 5000, 5050];
    thread::scope(|scope| {
        for gap in gaps {
            scope.spawn(move || {
                let pki = Pki::new();
                let backend = Backend::script(|mut exchange| {
                    let keep = Some(Duration::from_secs(5));
                    exchange.stream.set_read_timeout(keep).unwrap();
                    while exchange.request().is_some() {
                        ok(&mut exchange);
                    }
                });
                let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
                for _ in 0..3 {
                    post(&pki, &clawgate);
                    stay_silent(Duration::from_millis(gap));
                }
                post(&pki, &clawgate);
                // The close cannot cross a request: no connection is used again that late.
                let expected = if gap < 4000 { [0, 0, 0, 0] } else { [0, 1, 2, 3] };
                assert_eq!(ways(&backend), expected, "a gap of {gap} ms");
            });
        }
    });
}

#[test]
fn a_connection_that_the_upstream_has_closed_is_not_used_again() {
    let pki = Pki::new();
    let closed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&closed);
    let backend = Backend::script(move |mut exchange| {
        exchange.request().unwrap();
        // Nothing in the answer says so.
        ok(&mut exchange);
        drop(exchange);
        count.fetch_add(1, Ordering::SeqCst);
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    for number in 1..=20 {
        post(&pki, &clawgate);
        eventually("the upstream's close", || (closed.load(Ordering::SeqCst) == number).then_some(()));
    }

    assert_eq!(ways(&backend), (0..20).collect::<Vec<_>>());
}

#[test]
fn an_answer_with_connection_close_ends_its_connection() {
    let pki = Pki::new();
    // It announces the close and keeps the connection open: another request could be sent on it.
    let backend = Backend::each(|exchange, _| {
        exchange.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    for _ in 0..3 {
        client.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (200, None));
    }

    assert_eq!(ways(&backend), [0, 1, 2]);
}

#[test]
fn a_request_that_gets_no_answer_is_never_sent_twice() {
    let pki = Pki::new();
    let backend = Backend::script(|mut exchange| drop(exchange.request()));
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let answer = Client::new(&pki, &clawgate).post("/hooks/agent", "{}");

    assert_eq!((answer.status, &*answer.reason()), (502, "upstream_closed"));
    assert_eq!(answer.header("retry-after"), None, "it may have been delivered");
    assert_eq!((backend.received().len(), backend.connections()), (1, 1));
    let line = clawgate.request();
    assert_eq!((&line["status"], &line["reason"]), (&502.into(), &"upstream_closed".into()));
}

#[test]
fn nor_is_one_that_went_out_on_a_used_connection() {
    let pki = Pki::new();
    let backend = Backend::script(|mut exchange| {
        exchange.request().unwrap();
        ok(&mut exchange);
        exchange.request().unwrap();
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    post(&pki, &clawgate);

    let answer = Client::new(&pki, &clawgate).post("/hooks/agent", "{}");

    assert_eq!((answer.status, &*answer.reason()), (502, "upstream_closed"));
    assert_eq!(ways(&backend), [0, 0]);
    assert_eq!(backend.connections(), 1);
}

#[test]
fn nor_is_one_whose_connection_broke_in_the_middle_of_its_body() {
    let pki = Pki::new();
    let backend = Backend::script(|mut exchange| {
        if exchange.number == 0 {
            exchange.request().unwrap();
            ok(&mut exchange);
        }
        exchange.head().unwrap();
        exchange.exactly(5).unwrap();
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    post(&pki, &clawgate);
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    client.write(b"POST /hooks/agent HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345");

    let answer = client.answer();
    assert_eq!((answer.status, &*answer.reason()), (502, "upstream_closed"));
    assert_eq!(backend.connections(), 1);
}

#[test]
fn an_early_answer_reaches_the_client_and_its_connection_carries_nothing_else() {
    let pki = Pki::new();
    let backend = Backend::script(|mut exchange| {
        let head = exchange.head().unwrap();
        if head.contains("Content-Length: 100000") || head.contains("content-length: 100000") {
            exchange.answer("413 Payload Too Large", "text/plain", "too much");
            // Whatever comes now is the rest of that body, or a request in its place.
            while let Some(byte) = exchange.exactly(1) {
                assert_eq!(byte, b"x");
            }
        } else {
            exchange.exactly(2).unwrap();
            ok(&mut exchange);
        }
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut early = Client::new(&pki, &clawgate).connect().unwrap();

    early.write(b"POST /hooks/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nxxxxx");
    let answer = early.answer();

    assert_eq!((answer.status, &*answer.body), (413, &b"too much"[..]));
    post(&pki, &clawgate);
    assert_eq!(backend.connections(), 2);
}

#[test]
fn an_early_answer_survives_an_upstream_that_closes_on_the_rest() {
    let pki = Pki::new();
    // Its close resets the connection, since most of the body is unread.
    let backend = Backend::script(|mut exchange| {
        exchange.head().unwrap();
        exchange.answer("413 Payload Too Large", "text/plain", "too much");
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let body = "x".repeat(256 * 1024);

    for _ in 0..20 {
        let answer = Client::new(&pki, &clawgate).post("/hooks/wake", &body);
        assert_eq!((answer.status, &*answer.body), (413, &b"too much"[..]));
    }
}

/// Both come while clawgate stands still, the request first: so it is given to a connection of which is not known yet
/// that it is closed.
#[test]
fn a_request_that_was_not_handed_over_goes_out_again_and_that_is_logged_and_counted() {
    const REQUEST: &[u8] =
        b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
    let pki = Pki::new();
    let (close, closed) = (Latch::default(), Latch::default());
    let backend = {
        let (close, closed) = (close.clone(), closed.clone());
        Backend::script(move |mut exchange| {
            while exchange.request().is_some() {
                ok(&mut exchange);
                if exchange.number == 0 {
                    close.wait();
                    break;
                }
            }
            drop(exchange);
            closed.open();
        })
    };
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).admin().start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(REQUEST);
    assert_eq!(client.answer().status, 200);

    clawgate.signal("STOP");
    client.write(REQUEST);
    close.open();
    closed.wait();
    clawgate.signal("CONT");

    assert_eq!(client.answer().status, 200);
    assert_eq!(ways(&backend), [0, 1]);
    let line = clawgate.event("request", 2);
    assert_eq!((&line["retried"], &line["status"]), (&true.into(), &200.into()), "{line}");
    assert!(clawgate.event("request", 1)["retried"].is_null());
    let text = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
    let retries = format!("clawgate_upstream_retries_total{{upstream=\"{}\"}} 1", backend.url());
    assert!(text.lines().any(|line| line == retries), "{text}");
}
