//! The deadline of the handshake: one for all its steps, and the log names the step.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;

use super::{BOTH, Trial, says};
use crate::support::client::{Client, connect};
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;
use crate::support::{TIMEOUT, eventually};

const LIMIT: &str = "300ms";

fn trial(pki: &Pki) -> Trial {
    Trial::of(ClawgateCommand::new(pki).arg("--handshake-timeout", LIMIT))
}

/// The first flight of a good client, and the client.
fn hello(client: Client) -> (ClientConnection, Vec<u8>) {
    let name = client.name.try_into().unwrap();
    let mut tls = ClientConnection::new(Arc::new(client.config), name).unwrap();
    let mut bytes = Vec::new();
    tls.write_tls(&mut bytes).unwrap();
    (tls, bytes)
}

/// The deadline was kept: not before it, and not much after.
fn in_time(line: &serde_json::Value) {
    let elapsed = line["elapsed_ms"].as_u64().unwrap();
    assert!((300..5000).contains(&elapsed), "{line}");
}

#[test]
fn silence_ends_at_the_deadline() {
    let pki = Pki::new();
    let mut trial = trial(&pki);

    let socket = connect(trial.clawgate.address());

    let line = trial.line("handshake_timeout", socket.local_addr().unwrap());
    says(&line, "detail", &[LIMIT, "first byte", "0 bytes had come"]);
    says(&line, "hint", &["tls.handshake_timeout", "MySQL"]);
    in_time(&line);
    trial.end();
}

#[test]
fn half_a_hello_ends_at_the_deadline() {
    let pki = Pki::new();
    let mut trial = trial(&pki);
    let (_, bytes) = hello(Client::new(&pki, &trial.clawgate));
    let half = &bytes[..bytes.len() / 2];

    let mut socket = connect(trial.clawgate.address());
    socket.write_all(half).unwrap();

    let line = trial.line("handshake_timeout", socket.local_addr().unwrap());
    let count = format!("{} bytes had come", half.len());
    says(&line, "detail", &[LIMIT, "rest of the client's ClientHello", &count]);
    let of = format!("{} of its {} bytes had come", half.len() - 5, bytes.len() - 5);
    says(&line, "detail", &[&of]);
    in_time(&line);
    trial.end();
}

#[test]
fn what_is_no_tls_so_far_is_not_called_half_a_hello() {
    let pki = Pki::new();
    let mut trial = trial(&pki);

    let mut socket = connect(trial.clawgate.address());
    socket.write_all(b"PO").unwrap();

    let line = trial.line("handshake_timeout", socket.local_addr().unwrap());
    says(&line, "detail", &["not TLS so far", r#""PO""#]);
    trial.end();
}

#[test]
fn a_client_that_stops_after_clawgates_hello_ends_at_the_deadline() {
    let pki = Pki::new();
    let mut trial = trial(&pki);

    for (name, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, Some(&pki.client), &[version]);
        let (mut tls, bytes) = hello(client);
        let mut socket = connect(trial.clawgate.address());
        socket.write_all(&bytes).unwrap();
        // clawgate's hello is read, and never answered.
        assert!(tls.read_tls(&mut socket).unwrap() > 0);

        let line = trial.line("handshake_timeout", socket.local_addr().unwrap());
        let count = format!("{} bytes had come", bytes.len());
        says(&line, "detail", &[LIMIT, "client's certificate", &count]);
        assert_eq!(line["tls_version"], name);
        assert_eq!(line["sni"], "localhost");
        in_time(&line);
    }
    trial.end();
}

#[test]
fn bytes_that_drip_do_not_move_the_deadline() {
    let pki = Pki::new();
    let mut trial = trial(&pki);
    let (_, bytes) = hello(Client::new(&pki, &trial.clawgate));

    // One byte at a time, for as long as clawgate listens: the whole hello would take far longer
    // than the limit.
    let mut socket = connect(trial.clawgate.address());
    let start = Instant::now();
    let mut drip = bytes.iter();
    let mut last = Duration::ZERO;
    eventually("clawgate to give up", || {
        if start.elapsed() - last > Duration::from_millis(20) {
            last = start.elapsed();
            let _ = socket.write_all(&[*drip.next().expect("the hello is long enough")]);
        }
        trial.clawgate.events("handshake_failed").pop()
    });

    let line = trial.line("handshake_timeout", socket.local_addr().unwrap());
    says(&line, "detail", &["rest of the client's ClientHello"]);
    in_time(&line);
    trial.end();
}

#[test]
fn greeting_and_handshake_share_one_deadline() {
    let pki = Pki::new();
    let mut trial = Trial::of(ClawgateCommand::new(&pki).arg("--handshake-timeout", "2s"));
    let (mut tls, bytes) = hello(Client::new(&pki, &trial.clawgate));
    let (first, rest) = bytes.split_at(100);

    // Most of the time goes by before the hello is whole; the handshake gets what is left of it.
    let mut socket = connect(trial.clawgate.address());
    let start = Instant::now();
    socket.write_all(first).unwrap();
    eventually("most of the time", || (start.elapsed() > Duration::from_millis(1500)).then_some(()));
    socket.write_all(rest).unwrap();
    assert!(tls.read_tls(&mut socket).unwrap() > 0);

    let line = trial.line("handshake_timeout", socket.local_addr().unwrap());
    says(&line, "detail", &["client's certificate"]);
    let elapsed = line["elapsed_ms"].as_u64().unwrap();
    assert!((2000..3400).contains(&elapsed), "a second deadline was begun: {line}");
    trial.end();
}

#[test]
fn a_slow_client_does_not_hold_up_a_good_one() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let silent: Vec<_> = (0..50).map(|_| connect(clawgate.address())).collect();

    let start = Instant::now();
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);

    assert!(start.elapsed() < TIMEOUT / 4, "one worker waits for all of the silent");
    assert!(clawgate.events("handshake_failed").is_empty(), "none of them has been given up on");
    drop(silent);
}
