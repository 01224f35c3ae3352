//! Clients with a malformed Certificate message or a wrong proof of possession, which ordinary TLS libraries do not
//! send.

use std::io::ErrorKind;

use clawgate::identity::sha256;
use serde_json::json;

use super::{BOTH, Trial, says};
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};

#[test]
fn the_hint_for_a_client_with_the_key_of_another_certificate_says_how_to_compare_them() {
    let pki = Pki::new();
    let other = pki.client(Leaf::client("other"));
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, None, &[version]);
        let line = trial.refuse(client.presenting(&pki.client.chain, &other), "client_key_mismatch");
        says(&line, "detail", &["CN=notes", "does not hold the key"]);
        says(&line, "hint", &["openssl pkey", "openssl x509"]);
        assert_eq!(line["alert_sent"], "decrypt_error");
        assert_eq!(line["client_cert"]["fingerprint_sha256"], pki.client.fingerprint());
        assert_eq!(line["tls_version"], name);
    }
    trial.end();
}

#[test]
fn bytes_that_are_no_certificate_are_called_malformed() {
    let pki = Pki::new();
    let whole = pki.client.chain[0].clone();
    let cut = whole[..whole.len() / 2].to_vec();
    let garbage = b"not a certificate".to_vec();
    let mut trial = Trial::new(&pki);

    for (_, version) in BOTH {
        for chain in [vec![garbage.clone()], vec![cut.clone()], vec![vec![0x30, 0]]] {
            let client = Client::with_versions(&pki, &trial.clawgate, None, &[version]);
            let client = client.presenting(&chain, &pki.client);
            let line = trial.refuse(client, "client_cert_malformed");
            says(&line, "detail", &["certificate 1 of those sent is not X.509"]);
            says(&line, "hint", &["as the CA issued it"]);
            let fingerprint = sha256(&chain[0]);
            assert_eq!(line["client_cert"], json!({ "fingerprint_sha256": fingerprint }), "{line}");
        }
    }
    trial.end();
}

#[test]
fn a_broken_intermediate_is_named_by_its_place() {
    let pki = Pki::new();
    let leaf = pki.client.chain[0].clone();
    let mut trial = Trial::new(&pki);

    for (_, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, None, &[version]);
        let client = client.presenting(&[leaf.clone(), b"?".to_vec()], &pki.client);
        let line = trial.refuse(client, "client_cert_malformed");
        says(&line, "detail", &["certificate 2 of those sent is not X.509"]);
        assert_eq!(line["client_cert"]["fingerprint_sha256"], pki.client.fingerprint());
        let fingerprint = sha256(b"?");
        assert_eq!(line["chain"], json!([{ "fingerprint_sha256": fingerprint }]), "{line}");
    }
    trial.end();
}

#[test]
fn the_hint_for_certificates_over_the_limit_says_to_send_less() {
    let pki = Pki::new();
    let elsewhere = Ca::root(&"x".repeat(30_000));
    let chain = vec![elsewhere.certificate.der().to_vec(); 2];
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, None, &[version]);
        let client = client.presenting(&chain, &pki.client);
        // rustls says nothing to a client that is over the limit, so no alert may be logged.
        assert_eq!(client.refused().kind(), ErrorKind::UnexpectedEof);
        let line = trial.clawgate.event("handshake_failed", trial.refused + 1);
        let line = trial.line("client_cert_too_large", line["peer"].as_str().unwrap().parse().unwrap());
        says(&line, "detail", &["over 64 KiB"]);
        says(&line, "hint", &["leaf and its intermediates only"]);
        assert!(line["alert_sent"].is_null(), "{line}");
        assert_eq!(line["tls_version"], name);
    }
    trial.end();
}
