//! A log whose reader stands still holds up nobody.

use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::Pki;
use crate::support::sender::Sender;

/// More lines than a pipe holds.
const MANY: usize = 400;

fn ask_often(pki: &Pki, gate: &Gate) {
    let mut connection = Sender::new(pki, gate).connect().unwrap();
    for _ in 0..MANY {
        assert!(connection.asks_for("/hooks/wake"));
    }
}

#[test]
fn requests_are_answered_while_nobody_reads_the_log_and_it_is_whole_when_reading_goes_on() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let gate = GateCommand::new(&pki).upstream(backend.url()).start();

    let held = gate.hold();
    ask_often(&pki, &gate);
    drop(held);

    gate.event("request", MANY);
    let ids: Vec<_> = gate.events("request").iter().map(|line| line["id"].clone()).collect();
    for (number, id) in ids.iter().enumerate() {
        let end = format!("-{}", number + 1);
        assert!(id.as_str().unwrap().ends_with(&end), "{id} in the place of {end}");
    }
}

#[test]
fn the_gate_ends_although_nobody_reads_the_log() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let mut gate = GateCommand::new(&pki).upstream(backend.url()).start();
    let lines = gate.hold();

    ask_often(&pki, &gate);
    gate.signal("TERM");

    let status = eventually("the gate's end", || gate.try_wait());
    assert_eq!(status.code(), Some(0));
    drop(lines);
}
