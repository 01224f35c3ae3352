//! What a shutdown signal does to each kind of connection.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::support::backend::Backend;
use crate::support::client::{Client, Connection, connect};
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;
use crate::support::{Latch, eventually, unused_port};

pub(super) const POST: &[u8] =
    b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn both_signals_end_an_idle_clawgate_well() {
    for signal in ["TERM", "INT"] {
        let pki = Pki::new();
        let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--workers", "2").start();

        clawgate.signal(signal);

        assert_eq!(clawgate.wait().code(), Some(0));
        let draining = clawgate.event("draining", 1);
        assert_eq!(draining["signal"], format!("SIG{signal}"));
        assert_eq!(draining["connections"], 0);
        assert_eq!(draining["deadline"], "30s");
        assert_eq!(clawgate.event("stopped", 1)["forced"], 0);
        assert_eq!(clawgate.all("stopped").len(), 1);
    }
}

#[test]
fn a_request_in_progress_gets_its_answer_and_the_connection_ends() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(POST);
    backend.first();

    clawgate.signal("TERM");
    assert_eq!(clawgate.event("draining", 1)["connections"], 1);
    latch.open();

    let answer = client.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(client.is_closed());
    drop(client);
    assert_eq!(clawgate.wait().code(), Some(0));
    assert_eq!(clawgate.event("stopped", 1)["forced"], 0);
    assert_eq!(clawgate.request()["status"], 200);
}

#[test]
fn an_upload_in_progress_may_be_finished() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    let (begin, rest) = POST.split_at(POST.len() - 1);
    client.write(begin);
    eventually("the connection at the upstream", || (backend.connections() == 1).then_some(()));

    clawgate.signal("TERM");
    clawgate.event("draining", 1);
    client.write(rest);

    assert_eq!(client.answer().status, 200);
    assert_eq!(backend.first().body, b"{}");
    drop(client);
    assert_eq!(clawgate.wait().code(), Some(0));
}

#[test]
fn an_idle_connection_is_closed_at_once() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(POST);
    assert_eq!(client.answer().status, 200);
    let start = Instant::now();

    clawgate.signal("TERM");

    assert!(client.is_closed());
    drop(client);
    assert_eq!(clawgate.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(clawgate.event("stopped", 1)["forced"], 0);
}

#[test]
fn a_new_connection_is_refused_while_old_ones_are_served() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let place = unused_port();
    let command = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--listen", place.to_string());
    let mut clawgate = command.arg("--workers", "2").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(POST);
    backend.first();
    TcpStream::connect(place.address()).expect("it listens there");

    clawgate.signal("TERM");
    clawgate.event("draining", 1);

    let error = eventually("a refused connection", || TcpStream::connect(place.address()).err());
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    latch.open();
    assert_eq!(client.answer().status, 200);
    drop(client);
    assert_eq!(clawgate.wait().code(), Some(0));
}

#[test]
fn a_handshake_in_progress_finishes_and_its_first_request_is_answered() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let mut socket = connect(clawgate.address());
    let config = Arc::new(Client::new(&pki, &clawgate).config);
    let mut tls = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let (begin, rest) = hello.split_at(100);
    socket.write_all(begin).unwrap();

    clawgate.signal("TERM");
    clawgate.event("draining", 1);
    socket.write_all(rest).unwrap();
    let mut stream = StreamOwned::new(tls, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    let mut client = Connection::over(stream);
    client.write(POST);

    let answer = client.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    drop(client);
    assert_eq!(clawgate.wait().code(), Some(0));
}

#[test]
fn a_client_that_was_just_admitted_may_make_its_request() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    clawgate.signal("TERM");
    clawgate.event("draining", 1);
    client.write(POST);

    assert_eq!(client.answer().status, 200);
    drop(client);
    assert_eq!(clawgate.wait().code(), Some(0));
}

#[test]
fn a_client_that_makes_no_request_does_not_hold_the_end_up() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    let start = Instant::now();

    clawgate.signal("TERM");

    assert!(client.is_closed());
    drop(client);
    assert_eq!(clawgate.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(clawgate.event("stopped", 1)["forced"], 0);
    assert!(clawgate.all("connection_unused").is_empty(), "it is not the client's fault");
}

#[test]
fn a_hangup_ends_nothing_and_is_answered_in_the_log() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();

    clawgate.signal("HUP");

    let line = clawgate.event("reloaded", 1);
    assert_eq!(line["changed"], serde_json::json!([]));
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    assert!(clawgate.try_wait().is_none());
    assert_eq!(clawgate.stop().code(), Some(0));
}

#[test]
fn a_closed_stdout_does_not_stop_clawgate() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    clawgate.stop_reading();
    Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    eventually("the end of the reader", || (!clawgate.is_read()).then_some(()));

    for _ in 0..10 {
        assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    }

    assert_eq!(clawgate.stop().code(), Some(0));
    assert_eq!(backend.received().len(), 11);
    assert_eq!(clawgate.all("request").len(), 1);
}
