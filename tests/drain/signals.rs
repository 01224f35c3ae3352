//! Other signals, some of which have a meaning for other servers.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use super::orderly::POST;
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{Latch, eventually};

#[test]
fn signals_without_a_meaning_are_logged_and_end_no_request() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    client.write(POST);
    backend.first();

    let names = ["USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "STKFLT", "XFSZ"];
    for (number, name) in (1..).zip(names) {
        clawgate.signal(name);
        let line = clawgate.event("signal_ignored", number);
        assert_eq!(line["signal"], format!("SIG{name}"));
        assert_eq!(line["level"], "warn");
        assert!(line["hint"].as_str().unwrap().contains("SIGHUP reloads"), "{line}");
    }
    for (number, signal) in (names.len() + 1..).zip([35, 40, 64]) {
        clawgate.signal(&signal.to_string());
        assert_eq!(
            clawgate.event("signal_ignored", number)["signal"],
            format!("real-time signal {signal}")
        );
    }
    latch.open();

    assert_eq!(client.answer().status, 200);
    assert!(clawgate.stop().success());
}

#[test]
fn sigquit_and_sigpwr_drain_as_sigterm_does() {
    for name in ["QUIT", "PWR"] {
        let pki = Pki::new();
        let latch = Latch::default();
        let backend = Backend::held(&latch);
        let mut clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
        let mut client = Client::new(&pki, &clawgate).connect().unwrap();
        client.write(POST);
        backend.first();

        clawgate.signal(name);
        assert_eq!(clawgate.event("draining", 1)["signal"], format!("SIG{name}"));
        latch.open();

        assert_eq!(client.answer().status, 200);
        assert_eq!(clawgate.wait().code(), Some(0));
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
    let command = ClawgateCommand::new(&pki).upstream("echo:").arg("--watch", "false");
    let clawgate = command.arg("--denylist", &pipe).launch();
    let reading = eventually("a reader of the pipe", || writer(&pipe));

    for name in ["USR1", "ALRM", "HUP"] {
        clawgate.signal(name);
    }
    drop(reading);

    // The reload reads the pipe again, and is ended as often as it does.
    eventually("the reload", || {
        drop(writer(&pipe));
        clawgate.events("reloaded").pop()
    });
    assert_eq!(clawgate.events("signal_ignored").len(), 2);
    assert_eq!(clawgate.events("started").len(), 1);
}

/// The limit of core files lifted, in a folder of its own.
#[test]
fn a_fault_leaves_no_core_dump_behind() {
    let pki = Pki::new();
    let mut clawgate: Clawgate =
        ClawgateCommand::new(&pki).upstream("echo:").dir(pki.dir()).core_files().start();
    let mut limits = String::new();
    File::open(format!("/proc/{}/limits", clawgate.pid())).unwrap().read_to_string(&mut limits).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");

    // Root may look into every process.
    if File::open("/proc/self/stat").unwrap().metadata().unwrap().uid() != 0 {
        let error = std::fs::read_dir(format!("/proc/{}/fd", clawgate.pid())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }

    clawgate.signal("ABRT");

    let status = clawgate.wait();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
}
