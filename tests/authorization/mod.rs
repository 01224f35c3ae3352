//! Rules and pins for clients and for routes, and audit mode.

mod agreement;
mod audit;
mod clients;
mod explained;
mod names;
mod page;
mod pins;
mod routes;

use rcgen::SanType;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::pki::{Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// A clawgate that echoes, with these lines in its settings file.
fn configured(pki: &Pki, toml: &str) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").arg("--config", pki.file("gate.toml", toml)).start()
}

/// A clawgate that echoes, and admits the clients that `rule` matches.
fn allowing(pki: &Pki, rule: &str) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").arg("--allow", rule).start()
}

fn with_uri(cn: &str, uri: &str) -> Leaf {
    Leaf::client(cn).sans(vec![SanType::URI(uri.try_into().unwrap())])
}

/// Its request is answered.
#[track_caller]
fn admits(pki: &Pki, clawgate: &Clawgate, identity: &Identity) {
    let answer = Client::with_identity(pki, clawgate, identity).post("/hooks/wake", "{}");
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// It reads `access_denied`, and has the next line of the log to itself.
#[track_caller]
fn refuses(pki: &Pki, clawgate: &Clawgate, identity: &Identity) -> Value {
    let number = clawgate.events("handshake_failed").len() + 1;
    let refusal = Client::with_identity(pki, clawgate, identity).refusal();
    assert_eq!(refusal.alert, "access_denied");
    let line = clawgate.event("handshake_failed", number);
    assert_eq!(line["reason"], "client_not_allowed", "{line}");
    assert_eq!(line["alert_sent"], "access_denied");
    assert_eq!(line["client_cert"]["fingerprint_sha256"], identity.fingerprint());
    line
}

#[track_caller]
fn says(line: &Value, key: &str, parts: &[&str]) {
    let text = line[key].as_str().unwrap_or_else(|| panic!("no {key}: {line}"));
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {key}: {text}");
    }
}
