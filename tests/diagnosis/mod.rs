//! Each refused connection has one log line with the reason, and its client gets the right alert.

// Clippy's leave for tests does not reach their helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod agreement;
mod certificates;
mod chains;
mod coverage;
mod greeting;
mod issuers;
mod log;
mod openssl;
mod own_side;
mod plain_words;
mod possession;
mod protocol;
mod runtimes;
mod texts;
mod tools;
mod unsupported;
mod waiting;

use std::net::SocketAddr;

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::pki::{Identity, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// The versions clawgate speaks, as the log calls them.
pub const BOTH: [(&str, &SupportedProtocolVersion); 2] = [("TLSv1.3", &TLS13), ("TLSv1.2", &TLS12)];

/// A clawgate whose refusals are counted.
pub struct Trial {
    pub clawgate: Clawgate,
    pub refused: usize,
}

impl Trial {
    pub fn new(pki: &Pki) -> Self {
        Self::of(ClawgateCommand::new(pki))
    }

    pub fn of(command: ClawgateCommand) -> Self {
        Self { clawgate: command.upstream("echo:").start(), refused: 0 }
    }

    /// Lets `client` try; its line, in which is checked what holds for every refusal.
    pub fn refuse(&mut self, client: Client, reason: &str) -> Value {
        let seen = client.refusal();
        let line = self.line(reason, seen.from);
        assert_eq!(line["alert_sent"], seen.alert, "the alert that was read is another: {line}");
        line
    }

    /// The next line, which must be about the client at `from`.
    pub fn line(&mut self, reason: &str, from: SocketAddr) -> Value {
        self.refused += 1;
        let line = self.clawgate.event("handshake_failed", self.refused);
        assert_eq!(line["reason"], reason, "{line}");
        assert_eq!(line["peer"], from.to_string());
        check(&line);
        line
    }

    /// Ends clawgate: no connection may have got a second line.
    pub fn end(mut self) -> Clawgate {
        assert!(self.clawgate.stop().success());
        let lines = self.clawgate.events("handshake_failed");
        assert_eq!(lines.len(), self.refused, "one line for each refused connection: {lines:#?}");
        self.clawgate
    }
}

/// What holds for every line about a refused connection.
fn check(line: &Value) {
    let noise = matches!(line["reason"].as_str(), Some("not_tls" | "tcp_probe"));
    assert_eq!(line["level"], if noise { "info" } else { "warn" }, "{line}");
    assert!(line["elapsed_ms"].is_u64(), "{line}");
    for field in ["id", "detail", "hint", "timestamp"] {
        assert!(line[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {line}");
    }
}

/// `identity` is refused over both versions and the good client is not: the lines about `identity`.
fn refused(pki: &Pki, identity: &Identity, reason: &str) -> Vec<Value> {
    refused_by(ClawgateCommand::new(pki), pki, identity, reason)
}

/// The same for a clawgate with more settings.
pub fn refused_by(command: ClawgateCommand, pki: &Pki, identity: &Identity, reason: &str) -> Vec<Value> {
    let mut trial = Trial::of(command);
    let mut lines = Vec::new();
    for (name, version) in BOTH {
        let client = Client::with_versions(pki, &trial.clawgate, Some(identity), &[version]);
        let line = trial.refuse(client, reason);
        assert_eq!(line["tls_version"], name);
        assert_eq!(line["tls_versions_offered"], json!([name]));
        assert_eq!(line["sni"], "localhost");
        assert_eq!(line["alpn"], json!([]));
        assert!(line["cipher"].as_str().is_some_and(|name| name.starts_with("TLS_")), "{line}");
        assert_eq!(line["client_cert"]["fingerprint_sha256"], identity.fingerprint(), "{line}");
        let above = line["chain"].as_array().map_or(0, Vec::len);
        assert_eq!(above, identity.chain.len() - 1, "the rest of the chain: {line}");
        lines.push(line);
    }
    let good = Client::new(pki, &trial.clawgate).post("/hooks/wake", "{}");
    assert_eq!(good.status, 200, "the good client");
    trial.end();
    lines
}

/// `field` of the line contains all of `parts`.
#[track_caller]
pub fn says(line: &Value, field: &str, parts: &[&str]) {
    let text = line[field].as_str().unwrap_or_else(|| panic!("no {field}: {line}"));
    for part in parts {
        assert!(text.contains(part), "{field} does not say {part:?}: {text}");
    }
}
