//! An upgrade: a new process takes over the sockets of the old one, and no request is lost.

mod admin;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::ClientConfig;

use crate::drain::attempt::{Outcome, attempt};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

const CLIENTS: usize = 6;

/// Ends the load, also when the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Several clients that open new connections with one request each, until `stop` is set.
struct Load<'a> {
    config: Arc<ClientConfig>,
    address: SocketAddr,
    answered: &'a AtomicUsize,
    failed: &'a Mutex<Vec<Outcome>>,
    stop: &'a AtomicBool,
}

impl Load<'_> {
    fn run(&self) {
        while !self.stop.load(Ordering::SeqCst) {
            match attempt(&self.config, self.address) {
                Outcome::Answered => {
                    self.answered.fetch_add(1, Ordering::SeqCst);
                }
                outcome => self.failed.lock().unwrap().push(outcome),
            }
        }
    }
}

/// Starts one clawgate after another under load, each taking over from the one before; returns what did not
/// end in an answer.
fn upgrades(
    count: usize,
    start: impl Fn(&Pki, &Backend, Option<SocketAddr>) -> Clawgate,
) -> Vec<Outcome> {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut clawgate = start(&pki, &backend, None);
    let address = clawgate.address();
    let config = Arc::new(Client::new(&pki, &clawgate).config);
    let (answered, failed, stop) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicBool::new(false));
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for _ in 0..CLIENTS {
            let load = Load {
                config: Arc::clone(&config),
                address,
                answered: &answered,
                failed: &failed,
                stop: &stop,
            };
            scope.spawn(move || load.run());
        }
        let more = |by: usize| {
            let goal = answered.load(Ordering::SeqCst) + by;
            eventually("traffic", || (answered.load(Ordering::SeqCst) >= goal).then_some(()));
        };
        for _ in 0..count {
            more(30);
            let next = start(&pki, &backend, Some(address));
            assert_eq!(clawgate.stop().code(), Some(0));
            assert_eq!(clawgate.event("stopped", 1)["forced"], 0);
            clawgate = next;
            more(30);
            clawgate.event("request", 1);
        }
    });
    assert_eq!(clawgate.stop().code(), Some(0));
    assert_eq!(backend.received().len(), answered.load(Ordering::SeqCst));
    failed.into_inner().unwrap()
}

fn command(pki: &Pki, backend: &Backend) -> ClawgateCommand {
    ClawgateCommand::new(pki).upstream(backend.url()).arg("--workers", "2")
}

/// With the files of a clawgate that was started with `pki` before.
fn at(pki: &Pki, address: SocketAddr) -> ClawgateCommand {
    ClawgateCommand::bare("run")
        .arg("--cert", pki.dir().join("server.pem"))
        .arg("--key", pki.dir().join("server.key"))
        .arg("--client-ca", pki.dir().join("ca.pem"))
        .arg("--listen", address.to_string())
        .env("CLAWGATE_ADMIN", "off")
        .env("CLAWGATE_WORKERS", "2")
}

#[test]
fn with_a_passed_socket_no_request_and_no_connection_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();

    let failed = upgrades(3, |pki, backend, _| command(pki, backend).passed(&listener).start());

    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn with_takeover_no_request_is_lost() {
    let failed = upgrades(3, |pki, backend, taken| {
        let command = match taken {
            None => command(pki, backend),
            Some(address) => at(pki, address).upstream(backend.url()).arg("--takeover", "true"),
        };
        command.start()
    });

    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn without_takeover_a_second_clawgate_is_refused_with_the_hint_to_use_it() {
    let pki = Pki::new();
    let first = ClawgateCommand::new(&pki).upstream("echo:").start();

    let second = at(&pki, first.address()).upstream("echo:").refused();

    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("--takeover true"), "{second:?}");
}
