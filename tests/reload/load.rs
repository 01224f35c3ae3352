//! Reloads under load.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use proptest::prelude::*;

use super::post;
use crate::support::backend::{Backend, Received};
use crate::support::client::Client;
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, plain};

#[test]
fn no_request_fails_over_many_reloads_under_load() {
    const RELOADS: usize = 1000;
    let pki = Arc::new(Pki::new());
    let backend = Backend::ok();
    let clawgate = Arc::new(ClawgateCommand::new(&pki).upstream(backend.url()).admin().start());
    let done = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4)
        .map(|number| {
            let (pki, clawgate, done, served) =
                (Arc::clone(&pki), Arc::clone(&clawgate), Arc::clone(&done), Arc::clone(&served));
            thread::spawn(move || {
                let mut kept = Client::new(&pki, &clawgate).connect().unwrap();
                while !done.load(Ordering::Relaxed) {
                    // Half of them on one connection, half each on its own.
                    let status = if number % 2 == 0 {
                        post(&mut kept)
                    } else {
                        Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status
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
        let answer = plain::request(clawgate.admin(), "POST", "/reload");
        assert_eq!(answer.body, format!("generation {}\n", number + 1).into_bytes());
    }
    let before = served.load(Ordering::Relaxed);
    eventually("more requests", || (served.load(Ordering::Relaxed) > before + 8).then_some(()));
    done.store(true, Ordering::Relaxed);
    let failed = clients.into_iter().filter_map(|client| client.join().err()).count();

    // Not `println!`, which is shown only when a test fails.
    let served = served.load(Ordering::Relaxed);
    let _ = writeln!(
        std::io::stdout(),
        "{RELOADS} reloads under load: {served} requests served, {failed} failed"
    );
    assert_eq!(failed, 0);
    let mut clawgate = Arc::into_inner(clawgate).expect("the clients have ended");
    assert!(clawgate.all("connection_withdrawn").is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// Each state admits one client and gives the upstream that client's own token; the last of them is
    /// broken. Whatever the order, no request may arrive with another's token.
    #[test]
    fn no_order_of_reloads_leaves_a_mixture_of_old_and_new(
        states in proptest::collection::vec(0..=CLIENTS, 5..40),
    ) {
        let pki = Arc::new(Pki::new());
        let backend = Backend::ok();
        let write = |state: usize| {
            let token = pki.file("token", format!("token-of-{state}"));
            let allow = if state == CLIENTS { "no rule at all".to_owned() } else { format!("cn=client-{state}") };
            let config = format!(
                "[clients]\nallow = [\"{allow}\"]\n[upstream]\ntoken_file = {token:?}\n\
                 [[route]]\npath = \"/hooks/{state}\"\n"
            );
            pki.file("gate.toml", config)
        };
        let config = write(0);
        let clawgate = ClawgateCommand::new(&pki)
            .arg("--config", config)
            .arg("--watch", "false")
            .env("CLAWGATE_WORKERS", "2")
            .upstream(backend.url())
            .admin()
            .start();
        let clawgate = Arc::new(clawgate);
        let done = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS).map(|number| hammer(&pki, &clawgate, &done, number)).collect();

        for state in &states {
            write(*state);
            let status = plain::request(clawgate.admin(), "POST", "/reload").status;
            prop_assert_eq!(status, if *state == CLIENTS { 422 } else { 200 });
        }
        let last = states.iter().rev().find(|state| **state != CLIENTS).copied().unwrap_or(0);
        let count = backend.received().len();
        let of_last = || backend.received().iter().skip(count).any(|request| names(request) == last);
        eventually("a request of the last state", || of_last().then_some(()));
        done.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }

        for request in backend.received() {
            let client = names(&request);
            let token = format!("Bearer token-of-{client}");
            prop_assert_eq!(request.value("authorization"), Some(token.as_str()));
            prop_assert_eq!(request.request_line(), format!("POST /hooks/{client} HTTP/1.1"));
        }
    }
}

const CLIENTS: usize = 3;

/// The number of the client whose request it is.
fn names(request: &Received) -> usize {
    let cn = request.value("x-clawgate-client-cn").unwrap();
    cn.strip_prefix("client-").unwrap().parse().unwrap()
}

/// A client that asks without end, on connections that it keeps while it can.
fn hammer(
    pki: &Arc<Pki>,
    clawgate: &Arc<Clawgate>,
    done: &Arc<AtomicBool>,
    number: usize,
) -> thread::JoinHandle<()> {
    let identity = pki.client(Leaf::client(&format!("client-{number}")));
    let (pki, clawgate, done) = (Arc::clone(pki), Arc::clone(clawgate), Arc::clone(done));
    thread::spawn(move || {
        while !done.load(Ordering::Relaxed) {
            let client = Client::with_identity(&pki, &clawgate, &identity);
            let Ok(mut connection) = client.connect() else { continue };
            let path = format!("/hooks/{number}");
            while !done.load(Ordering::Relaxed) && connection.is_answered_at(&path) {}
        }
    })
}
