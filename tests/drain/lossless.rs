//! A restart under load: each accepted request is answered, and no other one is delivered.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::attempt::{Outcome, attempt, attempt_on};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

#[test]
fn a_stop_under_traffic_loses_nothing() {
    const CLIENTS: usize = 8;
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--workers", "2").start();
    let config = Arc::new(Client::new(&pki, &clawgate).config);
    let (answered, address) = (AtomicUsize::new(0), clawgate.address());

    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    match attempt(&config, address) {
                        Outcome::Answered => answered.fetch_add(1, Ordering::SeqCst),
                        Outcome::Refused => break,
                        Outcome::Lost(how) => panic!("a request was lost: {how}"),
                    };
                }
            });
        }
        eventually("traffic", || (answered.load(Ordering::SeqCst) > 50).then_some(()));
        assert_eq!(clawgate.stop().code(), Some(0));
    });

    assert_eq!(backend.received().len(), answered.load(Ordering::SeqCst));
    assert_eq!(clawgate.event("stopped", 1)["forced"], 0);
    let statuses = clawgate.events("request").into_iter().filter(|line| line["status"] == 200).count();
    assert_eq!(statuses, answered.load(Ordering::SeqCst));
}

#[test]
fn what_the_kernel_took_for_a_busy_clawgate_is_answered() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let config = Arc::new(Client::new(&pki, &clawgate).config);
    assert_eq!(attempt(&config, clawgate.address()), Outcome::Answered);

    clawgate.signal("STOP");
    let sockets: Vec<_> = (0..20).map(|_| TcpStream::connect(clawgate.address()).unwrap()).collect();
    clawgate.signal("TERM");
    clawgate.signal("CONT");

    thread::scope(|scope| {
        for socket in sockets {
            scope.spawn(|| assert_eq!(attempt_on(socket, &config), Outcome::Answered));
        }
    });
    assert_eq!(clawgate.wait().code(), Some(0));
    assert_eq!(backend.received().len(), 21);
}
