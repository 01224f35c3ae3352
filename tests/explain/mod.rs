//! `clawgate explain`: whether a certificate would be admitted, and what a server asks for.

// Clippy's leave for tests does not reach their helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agreement;
mod clients;
mod facts;
mod servers;
mod texts;

use std::path::Path;

use serde_json::Value;

use crate::support::pki::{Identity, Pki};
use crate::support::process::{ClawgateCommand, Output};

const DAY: i64 = 24 * 3600;

/// The command with the settings of `ClawgateCommand::new`.
fn command(pki: &Pki) -> ClawgateCommand {
    let (certificate, key) = pki.files("server", &pki.server);
    ClawgateCommand::bare("explain")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
        .env("CLAWGATE_UPSTREAM", "echo:")
}

/// What is said of `identity`, for people.
fn text(pki: &Pki, identity: &Identity) -> Output {
    command(pki).word(pki.files("client", identity).0).output()
}

/// The same for machines: one JSON object on one line, and the exit code that goes with it.
fn json(command: ClawgateCommand, file: &Path) -> Value {
    let (value, code) = json_of(command.word(file));
    let expected = if value["verdict"] == "admitted" { 0 } else { 1 };
    assert_eq!(code, Some(expected), "{value}");
    value
}

fn json_of(command: ClawgateCommand) -> (Value, Option<i32>) {
    let output = command.word("--json").output();
    assert_eq!(output.stdout.lines().count(), 1, "{output:?}");
    let value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (value, output.code)
}

/// The check called `name`.
#[track_caller]
fn check<'a>(explained: &'a Value, name: &str) -> &'a Value {
    let checks = explained["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name);
    check.unwrap_or_else(|| panic!("no check {name}: {explained}"))
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}
