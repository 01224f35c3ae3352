//! When the operating system has no more file descriptors.

use std::fs;
use std::process::Command;

use super::{hits, with_limits};
use crate::support::client::{Client, connect};
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::process::Clawgate;

const REQUEST: &[u8] = b"POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";

fn limit_files(clawgate: &Clawgate, limit: usize) {
    let status = Command::new("prlimit")
        .args(["--pid", &clawgate.pid().to_string(), &format!("--nofile={limit}:")])
        .status();
    assert!(status.unwrap().success());
}

/// The limit at which clawgate gets no further one: the number that it would get next.
/// `None`: this test is not run as root, and nobody else may look into the process.
fn in_use(clawgate: &Clawgate) -> Option<usize> {
    let folder = format!("/proc/{}/fd", clawgate.pid());
    fs::read_dir(&folder).ok()?;
    (0..).find(|number| !fs::exists(format!("{folder}/{number}")).unwrap())
}

#[test]
fn connections_that_are_open_live_on_and_new_ones_are_taken_when_there_are_files_again() {
    let pki = Pki::new();
    let mut clawgate = with_limits(&pki, "echo:", "").start();
    let mut open = Client::new(&pki, &clawgate).connect().unwrap();
    open.write(REQUEST);
    assert_eq!(open.answer().status, 200);
    let Some(in_use) = in_use(&clawgate) else { return };
    limit_files(&clawgate, in_use);

    // The kernel takes them; clawgate cannot.
    let waiting = [(); 3].map(|()| connect(clawgate.address()));
    let line = clawgate.event("accept_failed", 1);

    assert_eq!(line["level"], "error");
    assert!(line["detail"].as_str().unwrap().contains("open files"), "{line}");
    open.write(REQUEST);
    assert_eq!(open.answer().status, 200, "an open connection has to live on");
    limit_files(&clawgate, 1000);
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    drop(waiting);
    assert!(hits(&clawgate, "open_files") >= 1);
    // It backs off: not a line for each turn of the loop.
    assert!(clawgate.all("accept_failed").len() < 20);
}

#[test]
fn where_few_files_may_be_open_some_are_kept_for_the_upstream() {
    let pki = Pki::new();
    let backend = crate::support::backend::Backend::ok();
    let mut clawgate =
        with_limits(&pki, &backend.url(), "").env("PATH", "/usr/bin:/bin").files(100).start();
    let warning = clawgate.events("settings_warning");
    let warning = warning.iter().find(|line| line["origin"] == "limits.connections").unwrap();
    assert!(warning["detail"].as_str().unwrap().contains("18 connections"), "{warning}");
    let mut open = Client::new(&pki, &clawgate).connect().unwrap();
    open.write(REQUEST);
    assert_eq!(open.answer().status, 200);

    let silent: Vec<_> = (0..40).map(|_| connect(clawgate.address())).collect();

    let over =
        || clawgate.events("handshake_failed").into_iter().find(|line| line["limit"] == "connections");
    eventually("a refusal", over);
    open.write(REQUEST);
    assert_eq!(open.answer().status, 200, "no file was left for the upstream");
    drop(silent);
    assert!(clawgate.all("accept_failed").is_empty(), "it ran out of files all the same");
}
