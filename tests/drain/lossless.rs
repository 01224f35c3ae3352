//! A restart under traffic: what was taken is answered, what is not taken was not delivered.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::attempt::{Fate, attempt, attempt_on};
use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::gate::GateCommand;
use crate::support::pki::Pki;
use crate::support::sender::Sender;

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
