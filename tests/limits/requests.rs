//! Limits of requests: for an identity, a connection and an upstream.

use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use http::Request;

use super::{hits, with_limits};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::{Leaf, Pki};
use crate::support::plain;
use crate::support::{Latch, eventually};

fn request(path: &str) -> Request<Pieces> {
    Request::post(format!("https://localhost{path}")).body(Pieces::none()).unwrap()
}

#[test]
fn an_identity_over_its_rate_gets_retry_after_and_another_is_served() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "request_rate = 1\nrequest_burst = 2").start();
    // The count goes on over connections.
    let post = || Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    assert_eq!([(); 2].map(|()| post().status), [200, 200]);

    let answer = post();

    assert_eq!((answer.status, &*answer.reason()), (429, "rate_limited"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    let other = pki.client(Leaf::client("other"));
    assert_eq!(Client::with_identity(&pki, &clawgate, &other).post("/hooks/wake", "{}").status, 200);
    eventually("the client's next turn", || (post().status == 200).then_some(()));
    assert!(hits(&clawgate, "request_rate") >= 1);
}

#[test]
fn an_identity_has_no_more_requests_in_progress_than_the_limit() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let clawgate = with_limits(&pki, &backend.url(), "requests_at_once = 2").start();
    let connections = [(); 2].map(|()| Http2::connect(Client::new(&pki, &clawgate)));
    let held = connections.each_ref().map(|connection| connection.ask(request("/hooks/wake")));
    for (number, connection) in connections.iter().enumerate() {
        connection.until("it to be there", || (backend.connections() > number).then_some(()));
    }

    let answer = connections[0].send(request("/hooks/wake"));

    assert_eq!((answer.status, &*answer.reason()), (429, "too_many_at_once"));
    latch.open();
    for (connection, asked) in connections.iter().zip(held) {
        assert_eq!(connection.answer(asked).unwrap().status, 200);
    }
    assert_eq!(connections[0].send(request("/hooks/wake")).status, 200, "a place was not given back");
    assert_eq!(hits(&clawgate, "requests_at_once"), 1);
}

#[test]
fn refusals_beyond_a_limit_are_logged_once_in_a_second_and_all_are_counted() {
    const MANY: u64 = 40;
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "request_rate = 1").start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    let start = Instant::now();

    for _ in 0..MANY {
        connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        connection.answer();
    }

    clawgate.event("request", 2);
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
    let hit = hits(&clawgate, "request_rate");
    assert!(hit >= MANY - 1 - seconds as u64, "{hit}");
    let lines = clawgate.events("request");
    let refused = lines.iter().filter(|line| line["reason"] == "rate_limited");
    assert!((1..=seconds).contains(&refused.count()), "{lines:#?}");
}

#[test]
fn a_refusal_that_is_logged_says_how_many_before_it_were_not() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "request_rate = 1\nrequest_burst = 1").start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    let mut refused = 0;

    let lines = eventually("the third line about refusals", || {
        connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        refused += u64::from(connection.answer().status == 429);
        let mut lines = clawgate.events("request");
        lines.retain(|line| line["reason"] == "rate_limited");
        (lines.len() >= 3).then_some(lines)
    });

    assert!(lines[0]["unlogged"].is_null());
    let unlogged: u64 = lines[1..3].iter().map(|line| line["unlogged"].as_u64().unwrap()).sum();
    // All but those with a line, and those that came before the third was read.
    let after = (refused - 3).checked_sub(unlogged).expect("each is told of once");
    assert!(after <= refused / 4, "{unlogged} of {refused}");
}

#[test]
fn a_target_that_is_too_long_is_refused() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = with_limits(&pki, &backend.url(), "uri = \"100B\"").start();
    let path = |length: usize| format!("/hooks/{}?q=1", "a".repeat(length - "/hooks/?q=1".len()));

    let answer = Client::new(&pki, &clawgate).post(&path(101), "{}");

    assert_eq!((answer.status, &*answer.reason()), (414, "uri_too_long"));
    assert_eq!(Client::new(&pki, &clawgate).post(&path(100), "{}").status, 200);
    assert_eq!((backend.received().len(), hits(&clawgate, "uri")), (1, 1));
}

#[test]
fn a_connection_ends_in_good_order_after_its_last_request() {
    let pki = Pki::new();
    let clawgate = with_limits(&pki, "echo:", "connection_requests = 2").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    let mut ask = || {
        client.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        client.answer()
    };

    let (first, last) = (ask(), ask());

    assert_eq!((first.status, first.header("connection")), (200, None));
    assert_eq!((last.status, last.header("connection")), (200, Some("close")));
    assert!(client.is_closed());

    let http2 = Http2::connect(Client::new(&pki, &clawgate));
    assert_eq!([(); 2].map(|()| http2.send(request("/hooks/wake")).status), [200, 200]);
    http2.closed().unwrap();
}

#[test]
fn an_upstream_has_no_more_requests_than_it_may_and_one_more_waits_its_turn() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let limits = "upstream_connections = 1\nupstream_queue = 1";
    let clawgate =
        with_limits(&pki, &backend.url(), limits).arg("--upstream-connect-timeout", "20s").start();
    let connection = Http2::connect(Client::new(&pki, &clawgate));
    let first = connection.ask(request("/hooks/first"));
    connection.until("the first", || (backend.connections() == 1).then_some(()));

    let waits = connection.ask(request("/hooks/second"));
    let answer = connection.send(request("/hooks/third"));

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_busy"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(backend.received().len(), 1);
    latch.open();
    for asked in [first, waits] {
        assert_eq!(connection.answer(asked).unwrap().status, 200);
    }
    let paths: Vec<_> =
        backend.received().iter().map(|request| request.request_line().to_owned()).collect();
    assert_eq!(paths, ["POST /hooks/first HTTP/1.1", "POST /hooks/second HTTP/1.1"]);
    assert_eq!(hits(&clawgate, "upstream_connections"), 1);
}

/// Of the requests of an identity: those that are with the upstream, and another that waits.
#[test]
fn one_client_does_not_take_all_of_the_upstream_and_another_is_served() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = {
        let latch = latch.clone();
        Backend::each(move |exchange, request| {
            if request.request_line().contains("slow") {
                latch.wait();
            }
            exchange.answer("200 OK", "application/json", "{}");
        })
    };
    let limits = "upstream_connections = 4\nupstream_queue = 4";
    let clawgate =
        with_limits(&pki, &backend.url(), limits).arg("--upstream-connect-timeout", "20s").start();
    let slow = Http2::connect(Client::new(&pki, &clawgate));
    // Three are with it, and three wait.
    let held = [(); 6].map(|()| slow.ask(request("/hooks/slow")));
    let waiting = |count: u64| {
        let text = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
        let name = "clawgate_upstream_requests_waiting{";
        let line = text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        line.ends_with(&format!(" {count}"))
    };
    slow.until("them to wait", || (backend.connections() == 3 && waiting(3)).then_some(()));

    let refused = slow.send(request("/hooks/slow"));
    let other = pki.client(Leaf::client("other"));
    let others = Http2::connect(Client::with_identity(&pki, &clawgate, &other));
    let served = [(); 5].map(|()| others.send(request("/hooks/fast")).status);

    assert_eq!((refused.status, &*refused.reason()), (503, "upstream_busy"));
    assert!(String::from_utf8_lossy(&refused.body).contains("as one client may"), "{refused:?}");
    assert_eq!(served, [200; 5]);
    assert_eq!(hits(&clawgate, "upstream_connections"), 1);
    latch.open();
    for asked in held {
        assert_eq!(slow.answer(asked).unwrap().status, 200);
    }
    assert_eq!(slow.send(request("/hooks/fast")).status, 200, "a place was not given back");
}

#[test]
fn an_upstream_has_a_request_until_its_answer_has_ended() {
    let pki = Pki::new();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let backend = Backend::each(move |exchange, request| {
        exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbe");
        if request.request_line().contains("/hooks/first") {
            released.lock().unwrap().recv().unwrap();
        }
        exchange.write(b"en");
    });
    let limits = "upstream_connections = 1\nupstream_queue = 1";
    let clawgate =
        with_limits(&pki, &backend.url(), limits).arg("--upstream-connect-timeout", "200ms").start();
    let other = pki.client(Leaf::client("other"));
    let post = |path: &str| Client::with_identity(&pki, &clawgate, &other).post(path, "{}");
    let mut first = Client::new(&pki, &clawgate).connect().unwrap();
    first.write(b"POST /hooks/first HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert!(first.head().starts_with("HTTP/1.1 200 "));
    assert_eq!(first.exactly(2), b"be");

    // It waits in the queue until its timeout.
    let answer = post("/hooks/second");

    assert_eq!((answer.status, &*answer.reason()), (503, "upstream_busy"));
    assert_eq!(backend.received().len(), 1);
    release.send(()).unwrap();
    assert_eq!(first.exactly(2), b"en");
    eventually("the place to be free", || (post("/hooks/third").status == 200).then_some(()));
}

#[test]
fn an_answer_that_flows_for_longer_than_a_request_may_last_is_cut_off() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| {
        exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Never silent for as long as the timeout, but longer in total.
        exchange.write_slowly([&b"1\r\nx\r\n"[..]; 200], Duration::from_millis(20));
        exchange.write(b"0\r\n\r\n");
    });
    let clawgate = with_limits(&pki, &backend.url(), "request_timeout = \"500ms\"").start();
    let start = Instant::now();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    connection.write(b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");

    let (text, orderly) = connection.rest();

    assert!(start.elapsed() >= Duration::from_millis(500));
    assert!(text.starts_with("HTTP/1.1 200 ") && !text.ends_with("0\r\n\r\n") && !orderly, "{text:?}");
    let line = clawgate.request();
    assert_eq!((&line["status"], &line["reason"]), (&200.into(), &"request_timeout".into()), "{line}");

    let http2 = Http2::connect(Client::new(&pki, &clawgate));
    http2.answer(http2.ask(request("/hooks/wake"))).unwrap_err();
    assert_eq!(clawgate.event("request", 2)["reason"], "request_timeout");
    assert_eq!(hits(&clawgate, "request_timeout"), 2);
}
