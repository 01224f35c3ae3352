//! What a whole request for the page costs, with as much to show as there may be.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::stored_events::fill;
use super::{page_with, text, with_inbox};
use crate::support::client::Client;
use crate::support::pki::{Leaf, Pki};

/// The CPU time of all threads of a process so far.
fn cpu_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task")).unwrap();
    let nanos = |task: &Path| {
        let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
    };
    Duration::from_nanos(tasks.map(|task| nanos(&task.unwrap().path())).sum())
}

/// `cargo test --test integration console::cost -- --nocapture` prints the figures of docs/console.md.
#[test]
fn a_request_for_the_page_takes_less_than_50_ms_of_cpu_time_and_100_kib() {
    let pki = Pki::new();
    fill(&pki, "/hooks/agent", 10_000, 10_000);
    let clawgate = with_inbox(&pki, "echo:").start();
    let name = |number: usize| format!("a rather long name of the client {number}");
    for number in 0..1000 {
        let identity = pki.client(Leaf::client(&name(number)));
        let answer = Client::with_identity(&pki, &clawgate, &identity)
            .send("GET /hooks/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(answer.status, 404);
    }
    for number in 0..200 {
        let stranger = Leaf::client(&name(number)).self_signed();
        Client::with_identity(&pki, &clawgate, &stranger).refused();
    }
    page_with(&clawgate, "refusals", "of the client 199");
    page_with(&clawgate, "dead", "10000 dead events");
    page_with(&clawgate, "seen", "more: search for them");

    // Other threads may do something meanwhile: the least of several is the page itself.
    let cost = |path: &str| {
        let before = cpu_time(clawgate.pid());
        let size = text(clawgate.admin(), path).len();
        (cpu_time(clawgate.pid()).saturating_sub(before), size)
    };
    let (all, searched): (Vec<_>, Vec<_>) = (0..10).map(|_| (cost("/"), cost("/?q=client"))).unzip();
    let (all, searched) = (all.into_iter().min().unwrap(), searched.into_iter().min().unwrap());

    println!("the page: {all:?}, searched: {searched:?}");
    for (cpu, size) in [all, searched] {
        assert!(cpu < Duration::from_millis(50) && size < 100 * 1024, "{cpu:?}, {size} bytes");
    }
}
