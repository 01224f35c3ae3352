//! Signals that tools send and that mean something to other servers.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use super::orderly::POST;
use crate::support::backend::Backend;
use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::Pki;
use crate::support::sender::Sender;
use crate::support::{Latch, eventually};

#[test]
fn signals_without_a_meaning_are_logged_and_end_no_request() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut gate = GateCommand::new(&pki).upstream(backend.url()).start();
    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    sender.write(POST);
    backend.first();

    let names = ["USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "STKFLT", "XFSZ"];
    for (number, name) in (1..).zip(names) {
        gate.signal(name);
        let line = gate.event("signal_ignored", number);
        assert_eq!(line["signal"], format!("SIG{name}"));
        assert_eq!(line["level"], "warn");
        assert!(line["hint"].as_str().unwrap().contains("SIGHUP reloads"), "{line}");
    }
    for (number, signal) in (names.len() + 1..).zip([35, 40, 64]) {
        gate.signal(&signal.to_string());
        assert_eq!(gate.event("signal_ignored", number)["signal"], format!("real-time signal {signal}"));
    }
    latch.open();

    assert_eq!(sender.answer().status, 200);
    assert!(gate.stop().success());
}

#[test]
fn sigquit_and_sigpwr_drain_as_sigterm_does() {
    for name in ["QUIT", "PWR"] {
        let pki = Pki::new();
        let latch = Latch::default();
        let backend = Backend::held(&latch);
        let mut gate = GateCommand::new(&pki).upstream(backend.url()).start();
        let mut sender = Sender::new(&pki, &gate).connect().unwrap();
        sender.write(POST);
        backend.first();

        gate.signal(name);
        assert_eq!(gate.event("draining", 1)["signal"], format!("SIG{name}"));
        latch.open();

        assert_eq!(sender.answer().status, 200);
        assert_eq!(gate.wait().code(), Some(0));
    }
}

/// The writing end of a pipe that somebody reads from; it ends for the reader when this is dropped.
fn writer(pipe: &Path) -> Option<File> {
    // O_NONBLOCK: opening fails as long as nobody reads.
    OpenOptions::new().write(true).custom_flags(0o4000).open(pipe).ok()
}

#[test]
fn signals_that_come_while_the_settings_are_read_end_nothing_and_a_sighup_leads_to_a_reload() {
    let pki = Pki::new();
    let pipe = pki.dir().join("denied");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let command = GateCommand::new(&pki).upstream("echo:").arg("--watch", "false");
    let gate = command.arg("--denylist", &pipe).launch();
    let reading = eventually("a reader of the pipe", || writer(&pipe));

    for name in ["USR1", "ALRM", "HUP"] {
        gate.signal(name);
    }
    drop(reading);

    // The reload reads the pipe again, and is ended as often as it does.
    eventually("the reload", || {
        drop(writer(&pipe));
        gate.events("reloaded").pop()
    });
    assert_eq!(gate.events("signal_ignored").len(), 2);
    assert_eq!(gate.events("started").len(), 1);
}

/// The limit of core files lifted, in a folder of its own.
#[test]
fn a_fault_leaves_no_core_dump_behind() {
    let pki = Pki::new();
    let mut gate: Gate = GateCommand::new(&pki).upstream("echo:").dir(pki.dir()).core_files().start();
    let mut limits = String::new();
    File::open(format!("/proc/{}/limits", gate.pid())).unwrap().read_to_string(&mut limits).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");

    // Root may look into every process.
    if File::open("/proc/self/stat").unwrap().metadata().unwrap().uid() != 0 {
        let error = std::fs::read_dir(format!("/proc/{}/fd", gate.pid())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }

    gate.signal("ABRT");

    let status = gate.wait();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
}
