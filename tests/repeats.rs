//! Repeated refusals are logged as a sum, and each is counted.

use crate::support::client::{Client, connect};
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::plain;
use crate::support::process::{Clawgate, ClawgateCommand};

/// How often `reason` was logged: the number of full lines, and the sum of the summaries.
fn told(clawgate: &Clawgate, reason: &str) -> (usize, u64) {
    let lines = clawgate.events("handshake_failed");
    let lines = lines.iter().filter(|line| line["reason"] == reason);
    let (summaries, full): (Vec<_>, Vec<_>) = lines.partition(|line| line["repeated"].is_object());
    (full.len(), summaries.iter().map(|line| line["repeated"]["count"].as_u64().unwrap()).sum())
}

fn start(pki: &Pki, window: &str) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").arg("--log-repeat-window", window).start()
}

#[test]
fn a_probe_every_moment_makes_one_line_and_a_sum() {
    let pki = Pki::new();
    let clawgate = start(&pki, "500ms");

    for _ in 0..10 {
        drop(connect(clawgate.address()));
    }

    eventually("all of them", || (told(&clawgate, "tcp_probe") == (1, 9)).then_some(()));
    let summary = clawgate.events("handshake_failed").pop().unwrap();
    assert_eq!(summary["level"], "info");
    assert_eq!(summary["peer"], "127.0.0.1");
    assert!(summary["repeated"]["first"].as_str() <= summary["repeated"]["last"].as_str(), "{summary}");
}

#[test]
fn a_repeated_refusal_is_logged_in_full_a_few_times_before_it_is_counted() {
    let pki = Pki::new();
    let mut clawgate = start(&pki, "1h");

    for _ in 0..8 {
        Client::with_versions(&pki, &clawgate, None, &[&rustls::version::TLS13]).refused();
    }

    // The end sums up what is left.
    clawgate.stop();
    assert_eq!(told(&clawgate, "client_cert_missing"), (5, 3));
}

#[test]
fn refusals_that_are_summed_up_are_all_counted() {
    let pki = Pki::new();
    let clawgate =
        ClawgateCommand::new(&pki).upstream("echo:").admin().arg("--log-repeat-window", "1h").start();

    for _ in 0..8 {
        Client::with_versions(&pki, &clawgate, None, &[&rustls::version::TLS13]).refused();
    }

    let series = "clawgate_handshakes_refused_total{reason=\"client_cert_missing\"} ";
    let count = || {
        let text = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
        text.lines().find_map(|line| line.strip_prefix(series)).unwrap().to_owned()
    };
    eventually("all eight", || (count() == "8").then_some(()));
    eventually("five lines", || (told(&clawgate, "client_cert_missing") == (5, 0)).then_some(()));
}

#[test]
fn one_clients_flood_does_not_hide_another_clients_mistake() {
    let pki = Pki::new();
    let clawgate = start(&pki, "1h");
    for _ in 0..20 {
        drop(connect(clawgate.address()));
    }

    Client::with_versions(&pki, &clawgate, None, &[&rustls::version::TLS13]).refused();

    eventually("its line", || (told(&clawgate, "client_cert_missing").0 == 1).then_some(()));
}
