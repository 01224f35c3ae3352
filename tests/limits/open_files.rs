//! When the operating system gives no more file descriptors.

use std::fs;
use std::process::Command;

use super::{hits, with_limits};
use crate::support::eventually;
use crate::support::gate::Gate;
use crate::support::pki::Pki;
use crate::support::sender::{Sender, connect};

const REQUEST: &[u8] = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";

fn limit_files(gate: &Gate, limit: usize) {
    let status = Command::new("prlimit")
        .args(["--pid", &gate.pid().to_string(), &format!("--nofile={limit}:")])
        .status();
    assert!(status.unwrap().success());
}

/// The limit at which the gate gets no further one: the number that it would get next.
/// `None`: this test is not run as root, and nobody else may look into the process.
fn in_use(gate: &Gate) -> Option<usize> {
    let folder = format!("/proc/{}/fd", gate.pid());
    fs::read_dir(&folder).ok()?;
    (0..).find(|number| !fs::exists(format!("{folder}/{number}")).unwrap())
}

#[test]
fn connections_that_are_open_live_on_and_new_ones_are_taken_when_there_are_files_again() {
    let pki = Pki::new();
    let mut gate = with_limits(&pki, "echo:", "").start();
    let mut open = Sender::new(&pki, &gate).connect().unwrap();
    open.write(REQUEST);
    assert_eq!(open.answer().status, 200);
    let Some(in_use) = in_use(&gate) else { return };
    limit_files(&gate, in_use);

    // The kernel takes them; the gate cannot.
    let waiting = [(); 3].map(|()| connect(gate.address()));
    let line = gate.event("accept_failed", 1);

    assert_eq!(line["level"], "error");
    assert!(line["detail"].as_str().unwrap().contains("open files"), "{line}");
    open.write(REQUEST);
    assert_eq!(open.answer().status, 200, "an open connection has to live on");
    limit_files(&gate, 1000);
    assert_eq!(Sender::new(&pki, &gate).post("/hooks/wake", "{}").status, 200);
    drop(waiting);
    assert!(hits(&gate, "open_files") >= 1);
    // It backs off: not a line for each turn of the loop.
    assert!(gate.all("accept_failed").len() < 20);
}

#[test]
fn where_few_files_may_be_open_some_are_kept_for_the_upstream() {
    let pki = Pki::new();
    let backend = crate::support::backend::Backend::ok();
    let mut gate = with_limits(&pki, &backend.url(), "").env("PATH", "/usr/bin:/bin").files(100).start();
    let warning = gate.events("settings_warning");
    let warning = warning.iter().find(|line| line["origin"] == "limits.connections").unwrap();
    assert!(warning["detail"].as_str().unwrap().contains("18 connections"), "{warning}");
    let mut open = Sender::new(&pki, &gate).connect().unwrap();
    open.write(REQUEST);
    assert_eq!(open.answer().status, 200);

    let silent: Vec<_> = (0..40).map(|_| connect(gate.address())).collect();

    let over =
        || gate.events("handshake_failed").into_iter().find(|line| line["limit"] == "connections");
    eventually("a refusal", over);
    open.write(REQUEST);
    assert_eq!(open.answer().status, 200, "no file was left for the upstream");
    drop(silent);
    assert!(gate.all("accept_failed").is_empty(), "it ran out of files all the same");
}
