//! What one signal does to each kind of connection.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::support::backend::Backend;
use crate::support::gate::GateCommand;
use crate::support::pki::Pki;
use crate::support::sender::{Connection, Sender, connect};
use crate::support::{Latch, eventually, nobody};

pub(super) const POST: &[u8] =
    b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn both_signals_end_an_idle_gate_well() {
    for signal in ["TERM", "INT"] {
        let pki = Pki::new();
        let mut gate = GateCommand::new(&pki).upstream("echo:").arg("--workers", "2").start();

        gate.signal(signal);

        assert_eq!(gate.wait().code(), Some(0));
        let draining = gate.event("draining", 1);
        assert_eq!(draining["signal"], format!("SIG{signal}"));
        assert_eq!(draining["connections"], 0);
        assert_eq!(draining["deadline"], "30s");
        assert_eq!(gate.event("stopped", 1)["forced"], 0);
        assert_eq!(gate.all("stopped").len(), 1);
    }
}

#[test]
fn a_request_under_way_gets_its_answer_and_the_connection_ends() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut gate = GateCommand::new(&pki).upstream(backend.url()).start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    sender.write(POST);
    backend.first();

    gate.signal("TERM");
    assert_eq!(gate.event("draining", 1)["connections"], 1);
    latch.open();

    let answer = sender.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(sender.is_closed());
    drop(sender);
    assert_eq!(gate.wait().code(), Some(0));
    assert_eq!(gate.event("stopped", 1)["forced"], 0);
    assert_eq!(gate.request()["status"], 200);
}

#[test]
fn an_upload_under_way_may_be_finished() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut gate = GateCommand::new(&pki).upstream(backend.url()).start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    let (begin, rest) = POST.split_at(POST.len() - 1);
    sender.write(begin);
    eventually("the connection at the upstream", || (backend.connections() == 1).then_some(()));

    gate.signal("TERM");
    gate.event("draining", 1);
    sender.write(rest);

    assert_eq!(sender.answer().status, 200);
    assert_eq!(backend.first().body, b"{}");
    drop(sender);
    assert_eq!(gate.wait().code(), Some(0));
}

#[test]
fn an_idle_connection_is_closed_at_once() {
    let pki = Pki::new();
    let mut gate = GateCommand::new(&pki).upstream("echo:").start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    sender.write(POST);
    assert_eq!(sender.answer().status, 200);
    let start = Instant::now();

    gate.signal("TERM");

    assert!(sender.is_closed());
    drop(sender);
    assert_eq!(gate.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(gate.event("stopped", 1)["forced"], 0);
}

#[test]
fn a_new_connection_is_refused_while_old_ones_are_served() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let place = nobody();
    let command = GateCommand::new(&pki).upstream(backend.url()).arg("--listen", place.to_string());
    let mut gate = command.arg("--workers", "2").start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    sender.write(POST);
    backend.first();
    TcpStream::connect(place.address()).expect("it listens there");

    gate.signal("TERM");
    gate.event("draining", 1);

    let error = eventually("a refused connection", || TcpStream::connect(place.address()).err());
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    latch.open();
    assert_eq!(sender.answer().status, 200);
    drop(sender);
    assert_eq!(gate.wait().code(), Some(0));
}

#[test]
fn a_handshake_under_way_may_finish_and_its_first_request_is_answered() {
    let pki = Pki::new();
    let mut gate = GateCommand::new(&pki).upstream("echo:").start();
    let mut socket = connect(gate.address());
    let config = Arc::new(Sender::new(&pki, &gate).config);
    let mut tls = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let (begin, rest) = hello.split_at(100);
    socket.write_all(begin).unwrap();

    gate.signal("TERM");
    gate.event("draining", 1);
    socket.write_all(rest).unwrap();
    let mut stream = StreamOwned::new(tls, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    let mut sender = Connection::over(stream);
    sender.write(POST);

    let answer = sender.answer();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    drop(sender);
    assert_eq!(gate.wait().code(), Some(0));
}

#[test]
fn a_sender_that_has_just_been_let_in_may_make_its_request() {
    let pki = Pki::new();
    let mut gate = GateCommand::new(&pki).upstream("echo:").start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();

    gate.signal("TERM");
    gate.event("draining", 1);
    sender.write(POST);

    assert_eq!(sender.answer().status, 200);
    drop(sender);
    assert_eq!(gate.wait().code(), Some(0));
}

#[test]
fn a_sender_that_makes_no_request_does_not_hold_the_end_up() {
    let pki = Pki::new();
    let mut gate = GateCommand::new(&pki).upstream("echo:").admin().start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    let start = Instant::now();

    gate.signal("TERM");

    assert!(sender.is_closed());
    drop(sender);
    assert_eq!(gate.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(gate.event("stopped", 1)["forced"], 0);
    assert!(gate.all("connection_unused").is_empty(), "it is not the sender's fault");
}

#[test]
fn a_hangup_ends_nothing_and_is_answered_in_the_log() {
    let pki = Pki::new();
    let mut gate = GateCommand::new(&pki).upstream("echo:").start();

    gate.signal("HUP");

    let line = gate.event("reloaded", 1);
    assert_eq!(line["changed"], serde_json::json!([]));
    assert_eq!(Sender::new(&pki, &gate).post("/hooks/wake", "{}").status, 200);
    assert!(gate.try_wait().is_none());
    assert_eq!(gate.stop().code(), Some(0));
}

#[test]
fn a_closed_stdout_does_not_stop_the_gate() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut gate = GateCommand::new(&pki).upstream(backend.url()).start();
    gate.stop_reading();
    Sender::new(&pki, &gate).post("/hooks/wake", "{}");
    eventually("the end of the reader", || (!gate.is_read()).then_some(()));

    for _ in 0..10 {
        assert_eq!(Sender::new(&pki, &gate).post("/hooks/wake", "{}").status, 200);
    }

    assert_eq!(gate.stop().code(), Some(0));
    assert_eq!(backend.received().len(), 11);
    assert_eq!(gate.all("request").len(), 1);
}
