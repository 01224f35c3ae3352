//! Refusals that repeat are summed up, and none is forgotten.

use crate::support::eventually;
use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::Pki;
use crate::support::plain;
use crate::support::sender::{Sender, connect};

/// How often `reason` was told of: lines in full, and the sum of those in summaries.
fn told(gate: &Gate, reason: &str) -> (usize, u64) {
    let lines = gate.events("handshake_failed");
    let lines = lines.iter().filter(|line| line["reason"] == reason);
    let (summaries, full): (Vec<_>, Vec<_>) = lines.partition(|line| line["repeated"].is_object());
    (full.len(), summaries.iter().map(|line| line["repeated"]["count"].as_u64().unwrap()).sum())
}

fn start(pki: &Pki, window: &str) -> Gate {
    GateCommand::new(pki).upstream("echo:").arg("--log-repeat-window", window).start()
}

#[test]
fn a_probe_every_moment_makes_one_line_and_a_sum() {
    let pki = Pki::new();
    let gate = start(&pki, "500ms");

    for _ in 0..10 {
        drop(connect(gate.address()));
    }

    eventually("all of them", || (told(&gate, "tcp_probe") == (1, 9)).then_some(()));
    let summary = gate.events("handshake_failed").pop().unwrap();
    assert_eq!(summary["level"], "info");
    assert_eq!(summary["peer"], "127.0.0.1");
    assert!(summary["repeated"]["first"].as_str() <= summary["repeated"]["last"].as_str(), "{summary}");
}

#[test]
fn a_senders_mistake_is_told_in_full_a_few_times_for_whoever_mends_it_by_trial() {
    let pki = Pki::new();
    let mut gate = start(&pki, "1h");

    for _ in 0..8 {
        Sender::with_versions(&pki, &gate, None, &[&rustls::version::TLS13]).refused();
    }

    // The end sums up what is left.
    gate.stop();
    assert_eq!(told(&gate, "client_cert_missing"), (5, 3));
}

#[test]
fn refusals_that_are_summed_up_are_all_counted() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").admin().arg("--log-repeat-window", "1h").start();

    for _ in 0..8 {
        Sender::with_versions(&pki, &gate, None, &[&rustls::version::TLS13]).refused();
    }

    let series = "clawgate_handshakes_refused_total{reason=\"client_cert_missing\"} ";
    let count = || {
        let text = String::from_utf8(plain::get(gate.admin(), "/metrics").body).unwrap();
        text.lines().find_map(|line| line.strip_prefix(series)).unwrap().to_owned()
    };
    eventually("all eight", || (count() == "8").then_some(()));
    eventually("five lines", || (told(&gate, "client_cert_missing") == (5, 0)).then_some(()));
}

#[test]
fn one_senders_flood_does_not_hide_another_senders_mistake() {
    let pki = Pki::new();
    let gate = start(&pki, "1h");
    for _ in 0..20 {
        drop(connect(gate.address()));
    }

    Sender::with_versions(&pki, &gate, None, &[&rustls::version::TLS13]).refused();

    eventually("its line", || (told(&gate, "client_cert_missing").0 == 1).then_some(()));
}
