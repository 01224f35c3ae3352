//! Reloads while senders are busy.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use proptest::prelude::*;

use super::post;
use crate::support::backend::{Backend, Received};
use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::{Leaf, Pki};
use crate::support::sender::Sender;
use crate::support::{eventually, plain};

#[test]
fn no_request_fails_over_many_reloads_under_load() {
    const RELOADS: usize = 1000;
    let pki = Arc::new(Pki::new());
    let backend = Backend::ok();
    let gate = Arc::new(GateCommand::new(&pki).upstream(backend.url()).admin().start());
    let done = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..4)
        .map(|number| {
            let (pki, gate, done, served) =
                (Arc::clone(&pki), Arc::clone(&gate), Arc::clone(&done), Arc::clone(&served));
            thread::spawn(move || {
                let mut kept = Sender::new(&pki, &gate).connect().unwrap();
                while !done.load(Ordering::Relaxed) {
                    // Half of them on one connection, half each on its own.
                    let status = if number % 2 == 0 {
                        post(&mut kept)
                    } else {
                        Sender::new(&pki, &gate).post("/hooks/wake", "{}").status
                    };
                    assert_eq!(status, 200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();

    for number in 1..=RELOADS {
        if number % 2 == 0 {
            pki.files("server", &Leaf::server().issued_by(&pki.intermediate, &[&pki.intermediate]));
        }
        let answer = plain::request(gate.admin(), "POST", "/reload");
        assert_eq!(answer.body, format!("generation {}\n", number + 1).into_bytes());
    }
    let before = served.load(Ordering::Relaxed);
    eventually("more requests", || (served.load(Ordering::Relaxed) > before + 8).then_some(()));
    done.store(true, Ordering::Relaxed);
    let failed = senders.into_iter().filter_map(|sender| sender.join().err()).count();

    // Not `println!`, which is shown only when a test fails.
    let served = served.load(Ordering::Relaxed);
    let _ = writeln!(
        std::io::stdout(),
        "{RELOADS} reloads under load: {served} requests served, {failed} failed"
    );
    assert_eq!(failed, 0);
    let mut gate = Arc::into_inner(gate).expect("the senders have ended");
    assert!(gate.all("connection_withdrawn").is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// Each state admits one sender and gives the upstream that sender's own token; the last of them is
    /// broken. Whatever the order, no request may arrive with another's token.
    #[test]
    fn no_order_of_reloads_leaves_a_mixture_of_old_and_new(
        states in proptest::collection::vec(0..=SENDERS, 5..40),
    ) {
        let pki = Arc::new(Pki::new());
        let backend = Backend::ok();
        let write = |state: usize| {
            let token = pki.file("token", format!("token-of-{state}"));
            let allow = if state == SENDERS { "no rule at all".to_owned() } else { format!("cn=sender-{state}") };
            let config = format!(
                "[clients]\nallow = [\"{allow}\"]\n[upstream]\ntoken_file = {token:?}\n\
                 [[route]]\npath = \"/hooks/{state}\"\n"
            );
            pki.file("gate.toml", config)
        };
        let config = write(0);
        let gate = GateCommand::new(&pki)
            .arg("--config", config)
            .arg("--watch", "false")
            .env("CLAWGATE_WORKERS", "2")
            .upstream(backend.url())
            .admin()
            .start();
        let gate = Arc::new(gate);
        let done = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..SENDERS).map(|number| hammer(&pki, &gate, &done, number)).collect();

        for state in &states {
            write(*state);
            let status = plain::request(gate.admin(), "POST", "/reload").status;
            prop_assert_eq!(status, if *state == SENDERS { 422 } else { 200 });
        }
        let last = states.iter().rev().find(|state| **state != SENDERS).copied().unwrap_or(0);
        let count = backend.received().len();
        let of_last = || backend.received().iter().skip(count).any(|request| names(request) == last);
        eventually("a request of the last state", || of_last().then_some(()));
        done.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }

        for request in backend.received() {
            let sender = names(&request);
            let token = format!("Bearer token-of-{sender}");
            prop_assert_eq!(request.value("authorization"), Some(token.as_str()));
            prop_assert_eq!(request.request_line(), format!("POST /hooks/{sender} HTTP/1.1"));
        }
    }
}

const SENDERS: usize = 3;

/// The number of the sender whose request it is.
fn names(request: &Received) -> usize {
    let cn = request.value("x-clawgate-client-cn").unwrap();
    cn.strip_prefix("sender-").unwrap().parse().unwrap()
}

/// A sender that asks without end, on connections that it keeps while it can.
fn hammer(
    pki: &Arc<Pki>,
    gate: &Arc<Gate>,
    done: &Arc<AtomicBool>,
    number: usize,
) -> thread::JoinHandle<()> {
    let identity = pki.client(Leaf::client(&format!("sender-{number}")));
    let (pki, gate, done) = (Arc::clone(pki), Arc::clone(gate), Arc::clone(done));
    thread::spawn(move || {
        while !done.load(Ordering::Relaxed) {
            let sender = Sender::with_identity(&pki, &gate, &identity);
            let Ok(mut connection) = sender.connect() else { continue };
            let path = format!("/hooks/{number}");
            while !done.load(Ordering::Relaxed) && connection.asks_for(&path) {}
        }
    })
}
