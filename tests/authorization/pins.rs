//! `clients.pins`: a certificate or key that is required in addition to chain and rules.

use super::{admits, refuses, says};
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::ClawgateCommand;

fn spki(key: &rcgen::KeyPair) -> String {
    clawgate::identity::sha256(&rcgen::PublicKeyData::subject_public_key_info(key))
}

#[test]
fn only_a_client_whose_certificate_or_key_is_pinned_is_admitted() {
    let pki = Pki::new();
    let by_key = pki.client(Leaf::client("by-key"));
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--pin", format!("fingerprint={}", pki.client.fingerprint()))
        .arg("--pin", format!("spki={}", spki(&by_key.key)))
        .start();

    admits(&pki, &clawgate, &pki.client);
    admits(&pki, &clawgate, &by_key);
    let other = pki.client(Leaf::client("notes"));
    let line = refuses(&pki, &clawgate, &other);

    says(&line, "detail", &["CN=notes", "verifies, but none of clients.pins"]);
    let (fingerprint, key) =
        (format!("fingerprint={}", other.fingerprint()), format!("spki={}", spki(&other.key)));
    says(
        &line,
        "hint",
        &["pins are required in addition to the chain and the rules", &fingerprint, &key, "--pin"],
    );
}

#[test]
fn a_pinned_key_stays_pinned_when_its_certificate_is_renewed() {
    let pki = Pki::new();
    let old = pki.client(Leaf::client("notes"));
    let renewed = Leaf::client("notes").serial(99).with_key(&old.key, &pki.intermediate);
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--pin", format!("spki={}", spki(&old.key)))
        .start();

    admits(&pki, &clawgate, &old);
    admits(&pki, &clawgate, &renewed);
}

#[test]
fn a_pin_replaces_neither_the_chain_nor_the_rules() {
    let pki = Pki::new();
    let stranger = Leaf::client("stranger").issued_by(&Ca::root("Elsewhere"), &[]);
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--pin", format!("fingerprint={}", stranger.fingerprint()))
        .arg("--pin", format!("fingerprint={}", pki.client.fingerprint()))
        .arg("--allow", "cn=other")
        .start();

    assert_eq!(Client::with_identity(&pki, &clawgate, &stranger).refusal().alert, "unknown_ca");
    assert_eq!(clawgate.failure()["reason"], "client_cert_unknown_ca");
    let line = refuses(&pki, &clawgate, &pki.client);
    says(&line, "detail", &["no rule of clients.allow matches it"]);
}

#[test]
fn a_certificate_without_a_ca_needs_its_pin_too_where_there_are_pins() {
    let pki = Pki::new();
    let lone = Leaf::client("lone").self_signed();
    let command = || {
        let pin = format!("fingerprint={}", pki.client.fingerprint());
        ClawgateCommand::new(&pki)
            .upstream("echo:")
            .arg("--pinned", lone.fingerprint())
            .arg("--pin", pin)
    };

    refuses(&pki, &command().start(), &lone);
    let clawgate = command().arg("--pin", format!("fingerprint={}", lone.fingerprint())).start();
    admits(&pki, &clawgate, &lone);
}

#[test]
fn pins_are_enforced_while_rules_are_in_audit_mode() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--pin", format!("fingerprint={}", pki.client.fingerprint()))
        .arg("--allow", "cn=other")
        .arg("--audit", "true")
        .start();

    admits(&pki, &clawgate, &pki.client);
    clawgate.event("would_refuse", 1);
    refuses(&pki, &clawgate, &pki.client(Leaf::client("other")));
}
