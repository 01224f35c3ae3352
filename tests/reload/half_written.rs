//! Files that are read while somebody writes them.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::{is_served, reload};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// Cuts `path` off at every tenth byte; each time clawgate reads everything anew, and is asked whether it
/// serves.
fn cut_off_at_every_tenth_byte(pki: &Pki, clawgate: &Clawgate, path: &Path) -> usize {
    let whole = fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut refused = 0;
    for length in (0..whole.len()).step_by(10) {
        let (taken, failed) =
            (clawgate.events("reloaded").len(), clawgate.events("reload_failed").len());
        let part = &whole[..length];
        pki.file(name, part);
        clawgate.signal("HUP");
        let outcome = crate::support::eventually("the outcome of a reload", || {
            let failed = clawgate.events("reload_failed").into_iter().nth(failed);
            failed.or_else(|| clawgate.events("reloaded").into_iter().nth(taken))
        });
        // Cut between two sections, it is a whole file as far as anybody can tell.
        if part.trim_ascii_end().ends_with(b"-----") && !part.ends_with(b"BEGIN CERTIFICATE-----") {
            continue;
        }
        refused += 1;
        assert_eq!(outcome["event"], "reload_failed", "cut off after {length} bytes: {outcome}");
        assert!(outcome["detail"].as_str().unwrap().contains(name), "{outcome}");
        assert!(is_served(pki, clawgate, &pki.client), "cut off after {length} bytes of {name}");
    }
    pki.file(name, &whole);
    let taken = clawgate.events("reloaded").len();
    reload(clawgate, taken + 1);
    assert!(is_served(pki, clawgate, &pki.client));
    // Not `println!`, which is shown only when a test fails.
    let pieces = whole.len().div_ceil(10);
    let _ = writeln!(
        std::io::stdout(),
        "{name}: {refused} of {pieces} beginnings refused, the others whole by themselves"
    );
    refused
}

fn start(pki: &Pki) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").arg("--watch", "false").start()
}

#[test]
fn a_ca_file_cut_off_anywhere_changes_nothing() {
    let pki = Pki::new();
    let clawgate = start(&pki);
    let path = pki.file("ca.pem", pki.root.pem());
    assert!(cut_off_at_every_tenth_byte(&pki, &clawgate, &path) > 40);
}

#[test]
fn a_certificate_file_cut_off_anywhere_changes_nothing() {
    let pki = Pki::new();
    let clawgate = start(&pki);
    let (path, _) = pki.files("server", &pki.server);
    assert!(cut_off_at_every_tenth_byte(&pki, &clawgate, &path) > 80);
}

#[test]
fn a_key_file_cut_off_anywhere_changes_nothing() {
    let pki = Pki::new();
    let clawgate = start(&pki);
    let (_, path) = pki.files("server", &pki.server);
    assert!(cut_off_at_every_tenth_byte(&pki, &clawgate, &path) > 20);
}

#[test]
fn a_revocation_list_cut_off_anywhere_changes_nothing() {
    let pki = Pki::new();
    let path = pki.file("crl.pem", pki.intermediate.crl(&[7], 3600));
    let clawgate =
        ClawgateCommand::new(&pki).upstream("echo:").arg("--watch", "false").arg("--crl", &path).start();
    assert!(cut_off_at_every_tenth_byte(&pki, &clawgate, &path) > 20);
}
