//! Settings of the inbox, with the real command: what `check` prints, and what a reload may change.

mod reload;

use std::path::Path;

use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

/// A command with the settings in `gate.toml`, where `more` comes after certificates and CA.
fn command(subcommand: &str, pki: &Pki, more: &str) -> ClawgateCommand {
    write(pki, more);
    ClawgateCommand::bare(subcommand)
        .dir(pki.dir())
        .arg("--config", "gate.toml")
        .env("CLAWGATE_LISTEN", "127.0.0.1:0")
        .env("CLAWGATE_ADMIN", "off")
        .env("CLAWGATE_WORKERS", "1")
        .env("CLAWGATE_WATCH", "false")
}

fn write(pki: &Pki, more: &str) {
    let (certificate, key) = pki.files("server", &pki.server);
    let ca = pki.file("ca.pem", pki.root.pem());
    let text = format!(
        "tls.certificate = {certificate:?}\ntls.private_key = {key:?}\nclients.ca = {ca:?}\nupstream.url = \"echo:\"\n{more}\n"
    );
    pki.file("gate.toml", text);
}

/// A route that stores events, and a database in a folder of its own.
fn storing(database: &Path) -> String {
    format!("inbox.path = {database:?}\n[[route]]\npath = \"/hooks/\"\ndelivery = \"inbox\"")
}

#[test]
fn the_sandbox_lets_clawgate_write_in_the_folder_of_the_inbox_alone() {
    let pki = Pki::new();
    let folder = pki.dir().join("box");

    let clawgate = command("run", &pki, &storing(&folder.join("inbox.db"))).start();

    let sandbox = clawgate.event("sandbox", 1);
    assert_eq!(sandbox["landlock"], "enforced", "{sandbox}");
    assert_eq!(sandbox["writes"], serde_json::json!([folder.canonicalize().unwrap()]));
    assert!(folder.join("inbox.db").exists());
    assert!(clawgate.events("inbox_unavailable").is_empty());
}

#[test]
fn check_says_where_events_are_stored_and_makes_no_database() {
    let pki = Pki::new();
    let database = pki.dir().join("box/inbox.db");

    let output = command("check", &pki, &storing(&database)).output();

    assert_eq!(output.code, Some(0), "{output:?}");
    let shown = format!("inbox          {}", database.display());
    assert!(output.stdout.contains(&shown), "{}", output.stdout);
    assert!(output.stdout.contains("stored, answered with 202, then delivered"), "{}", output.stdout);
    assert!(!database.parent().unwrap().exists());
}
