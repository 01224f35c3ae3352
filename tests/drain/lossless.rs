//! A restart under traffic: what was taken is answered, what is not taken was not delivered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::support::backend::Backend;
use crate::support::gate::GateCommand;
use crate::support::pki::Pki;
use crate::support::sender::Sender;
use crate::support::{PATIENCE, eventually};

/// What became of one connection with one request.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// A whole 200 came back.
    Answered,
    /// It ended before the request could be written.
    Refused,
    /// The request was written, and then?
    Lost(String),
}

fn attempt(config: &Arc<ClientConfig>, address: SocketAddr) -> Fate {
    match TcpStream::connect(address) {
        Ok(socket) => attempt_on(socket, config),
        Err(_) => Fate::Refused,
    }
}

fn attempt_on(socket: TcpStream, config: &Arc<ClientConfig>) -> Fate {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(tls, socket);
    while stream.conn.is_handshaking() {
        if stream.conn.complete_io(&mut stream.sock).is_err() {
            return Fate::Refused;
        }
    }
    let request = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    let mut text = String::new();
    let sent = stream.write_all(request).and_then(|()| stream.flush());
    let ended = sent.and_then(|()| stream.read_to_string(&mut text));
    if ended.is_ok() && text.starts_with("HTTP/1.1 200 ") && text.ends_with(r#"{"ok":true}"#) {
        return Fate::Answered;
    }
    Fate::Lost(format!("{ended:?} {text:?}"))
}

#[test]
fn a_stop_under_traffic_loses_nothing() {
    const SENDERS: usize = 8;
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut gate = GateCommand::new(&pki).upstream(backend.url()).arg("--workers", "2").start();
    let config = Arc::new(Sender::new(&pki, &gate).config);
    let (answered, address) = (AtomicUsize::new(0), gate.address());

    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                loop {
                    match attempt(&config, address) {
                        Fate::Answered => answered.fetch_add(1, Ordering::SeqCst),
                        Fate::Refused => break,
                        Fate::Lost(how) => panic!("a request was lost: {how}"),
                    };
                }
            });
        }
        eventually("traffic", || (answered.load(Ordering::SeqCst) > 50).then_some(()));
        assert_eq!(gate.stop().code(), Some(0));
    });

    assert_eq!(backend.received().len(), answered.load(Ordering::SeqCst));
    assert_eq!(gate.event("stopped", 1)["forced"], 0);
    let statuses = gate.events("request").into_iter().filter(|line| line["status"] == 200).count();
    assert_eq!(statuses, answered.load(Ordering::SeqCst));
}

#[test]
fn what_the_kernel_took_for_a_busy_gate_is_answered() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut gate = GateCommand::new(&pki).upstream(backend.url()).start();
    let config = Arc::new(Sender::new(&pki, &gate).config);
    assert_eq!(attempt(&config, gate.address()), Fate::Answered);

    gate.signal("STOP");
    let sockets: Vec<_> = (0..20).map(|_| TcpStream::connect(gate.address()).unwrap()).collect();
    gate.signal("TERM");
    gate.signal("CONT");

    thread::scope(|scope| {
        for socket in sockets {
            scope.spawn(|| assert_eq!(attempt_on(socket, &config), Fate::Answered));
        }
    });
    assert_eq!(gate.wait().code(), Some(0));
    assert_eq!(backend.received().len(), 21);
}
