//! CRLs: their files, and which certificates they are about.

// Clippy's leave for tests does not reach their helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod files;
mod names;
mod partial;
mod policy;

use crate::support::client::Client;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// A second CA beside the usual root, with a client of its own.
struct Other {
    ca: Ca,
    client: Identity,
}

impl Other {
    fn new() -> Self {
        let ca = Ca::root("Other Root");
        let client = Leaf::client("other").issued_by(&ca, &[]);
        Self { ca, client }
    }
}

/// A clawgate in the making that trusts both.
fn trusting_both(pki: &Pki, other: &Other) -> ClawgateCommand {
    let command = ClawgateCommand::new(pki).env("CLAWGATE_UPSTREAM", "echo:");
    command.arg("--client-ca", pki.file("other.pem", other.ca.pem()))
}

/// Whether a client with this certificate is served.
fn is_served(pki: &Pki, clawgate: &Clawgate, identity: &Identity) -> bool {
    Client::with_identity(pki, clawgate, identity)
        .connect()
        .is_ok_and(|mut connection| connection.is_answered())
}

/// What `check` prints for these settings, which can be used; lists that are missing or too old may make checks fail.
fn check(command: ClawgateCommand) -> String {
    let output = command.output();
    assert!(matches!(output.code, Some(0 | 1)), "{output:?}");
    output.stdout + &output.stderr
}

/// The settings of [`ClawgateCommand::new`] for another subcommand.
fn command(subcommand: &str, pki: &Pki) -> ClawgateCommand {
    let (certificate, key) = pki.files("server", &pki.server);
    ClawgateCommand::bare(subcommand)
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
        .env("CLAWGATE_ADMIN", "off")
}
