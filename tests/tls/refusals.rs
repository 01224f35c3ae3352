//! Senders whose chain is good, and who are refused for another cause.

use rcgen::ExtendedKeyUsagePurpose::{self, ClientAuth, ServerAuth};
use rcgen::KeyUsagePurpose::{self, DigitalSignature, KeyAgreement, KeyEncipherment};
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::version;

use super::{admits, gate, refuses, with_groups};
use crate::support::eventually;
use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::sender::Sender;

fn with_crl(pki: &Pki, crl: String) -> Gate {
    GateCommand::new(pki).upstream("echo:").arg("--crl", pki.file("crl.pem", crl)).start()
}

#[test]
fn version_and_cipher_suite_are_told_whatever_the_key_exchange() {
    let pki = Pki::new();
    let gate = gate(&pki);
    for (number, group) in (1..).zip([kx_group::X25519MLKEM768, kx_group::X25519]) {
        let expired = pki.client(Leaf::client("notes").valid(-7200, -3600));
        let sender = with_groups(&pki, &gate, &expired, &[group]);

        let error = sender.refused();

        assert!(error.to_string().contains("CertificateExpired"), "{error}");
        let failure = gate.event("handshake_failed", number);
        assert_eq!(failure["tls_version"], "TLSv1.3", "{failure}");
        assert!(failure["cipher"].as_str().unwrap().starts_with("TLS_AES_"), "{failure}");
    }
}

#[test]
fn a_verified_sender_without_a_rule_is_refused_and_one_with_a_rule_is_served() {
    let pki = Pki::new();
    let mut gate = GateCommand::new(&pki)
        .upstream("echo:")
        .arg("--allow", "cn=calls, o=Example")
        .arg("--allow", "dns=notes.example")
        .start();

    admits(&pki, &gate, &pki.client);
    admits(&pki, &gate, &pki.client(Leaf::client("calls")));
    let stranger = pki.client(Leaf::client("stranger"));
    let failure = refuses(&pki, &gate, &stranger, "AccessDenied");
    assert_eq!(failure["reason"], "client_not_allowed");
    assert_eq!(failure["alert_sent"], "access_denied");
    assert!(failure["detail"].as_str().unwrap().contains("CN=stranger"), "{failure}");
    assert_eq!(gate.all("handshake_failed").len(), 1);
}

#[test]
fn a_sender_without_a_rule_is_refused_over_tls_1_2_too() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").arg("--allow", "cn=calls").start();

    let sender = Sender::with_versions(&pki, &gate, Some(&pki.client), &[&version::TLS12]);

    let error = sender.refused();
    assert!(error.to_string().contains("AccessDenied"), "{error}");
    assert_eq!(gate.failure()["reason"], "client_not_allowed");
}

#[test]
fn a_rule_by_fingerprint_admits_that_very_certificate_alone() {
    let pki = Pki::new();
    let rule = format!("fingerprint={}", pki.client.fingerprint());
    let gate = GateCommand::new(&pki).upstream("echo:").arg("--allow", rule).start();

    admits(&pki, &gate, &pki.client);
    let same_name = pki.client(Leaf::client("notes"));
    let failure = refuses(&pki, &gate, &same_name, "AccessDenied");
    assert_eq!(failure["reason"], "client_not_allowed");
}

#[test]
fn a_rule_does_not_admit_whose_chain_is_not_good() {
    let pki = Pki::new();
    let gate = GateCommand::new(&pki).upstream("echo:").arg("--allow", "cn=notes").start();

    let failure = refuses(&pki, &gate, &Leaf::client("notes").self_signed(), "UnknownCA");

    assert_eq!(failure["reason"], "client_cert_self_signed");
}

#[test]
fn a_revoked_sender_is_refused_and_the_others_of_its_ca_are_served() {
    let pki = Pki::new();
    let revoked = pki.client(Leaf::client("revoked").serial(0x1234));
    let good = pki.client(Leaf::client("good").serial(0x1235));
    let gate = with_crl(&pki, pki.intermediate.crl(&[0x1234], 3600));

    admits(&pki, &gate, &good);
    let failure = refuses(&pki, &gate, &revoked, "CertificateRevoked");
    assert_eq!(failure["reason"], "client_cert_revoked");
    assert_eq!(failure["alert_sent"], "certificate_revoked");
    assert_eq!(failure["client_cert"]["serial"], "1234");
    assert!(failure["detail"].as_str().unwrap().contains("CN=Test Intermediate"), "{failure}");
}

#[test]
fn the_revocation_list_of_one_ca_says_nothing_about_the_senders_of_another() {
    let pki = Pki::new();
    let other = Ca::root("Other Root");
    let gate = GateCommand::new(&pki)
        .upstream("echo:")
        .arg("--client-ca", pki.file("other.pem", other.pem()))
        .arg("--crl", pki.file("crl.pem", pki.intermediate.crl(&[0x1234], 3600)))
        .start();

    admits(&pki, &gate, &Leaf::client("same-serial").serial(0x1234).issued_by(&other, &[]));
    admits(&pki, &gate, &Leaf::client("direct").serial(0x1234).issued_by(&pki.root, &[]));
}

#[test]
fn several_revocation_lists_hold_together_in_one_file_or_in_several() {
    let pki = Pki::new();
    let lists = [pki.root.crl(&[1], 3600), pki.intermediate.crl(&[2], 3600)];
    let one_file = with_crl(&pki, lists.concat());
    let several = GateCommand::new(&pki)
        .upstream("echo:")
        .arg("--crl", pki.file("root.crl", &lists[0]))
        .arg("--crl", pki.file("intermediate.crl", &lists[1]))
        .start();

    for gate in [one_file, several] {
        let of_root = Leaf::client("direct").serial(1).issued_by(&pki.root, &[]);
        refuses(&pki, &gate, &of_root, "CertificateRevoked");
        refuses(&pki, &gate, &pki.client(Leaf::client("other").serial(2)), "CertificateRevoked");
        admits(&pki, &gate, &pki.client(Leaf::client("good").serial(1)));
    }
}

#[test]
fn a_revoked_intermediate_takes_its_senders_with_it() {
    let pki = Pki::new();
    let mut revoked = Ca::root("Revoked Intermediate");
    revoked.params.serial_number = Some(77.into());
    revoked.certificate = revoked.params.signed_by(&revoked.key, &pki.root.issuer()).unwrap();
    let gate = with_crl(&pki, pki.root.crl(&[77], 3600));

    admits(&pki, &gate, &pki.client);
    let below = Leaf::client("below").issued_by(&revoked, &[&revoked]);
    let failure = refuses(&pki, &gate, &below, "CertificateRevoked");
    assert_eq!(failure["reason"], "client_cert_revoked", "{failure}");
    assert!(failure["detail"].as_str().unwrap().contains("CN=Revoked Intermediate"), "{failure}");
}

#[test]
fn a_revocation_list_that_another_key_signed_lets_nobody_of_the_ca_in() {
    let pki = Pki::new();
    let impostor = Ca::root("Test Intermediate");
    let mut gate = with_crl(&pki, impostor.crl(&[], 3600));

    let failure = refuses(&pki, &gate, &pki.client, "alert");

    assert_eq!(failure["reason"], "crl_unavailable", "{failure}");
    assert_eq!(gate.all("request").len(), 0);
}

#[test]
fn a_revocation_list_that_runs_out_while_the_gate_runs_lets_nobody_of_its_ca_in() {
    let pki = Pki::new();
    let gate = with_crl(&pki, pki.intermediate.crl(&[], 4));
    let connect = || Sender::with_versions(&pki, &gate, Some(&pki.client), &[&version::TLS12]).connect();

    let error = eventually("the refusal", || connect().err());

    assert!(error.to_string().contains("alert"), "{error}");
    let failure = gate.failure();
    assert_eq!(failure["reason"], "crl_expired", "{failure}");
    let hint = failure["hint"].as_str().unwrap();
    assert!(hint.contains("fetch the CA's current CRL"), "{failure}");
    admits(&pki, &gate, &Leaf::client("direct").issued_by(&pki.root, &[]));
}

#[test]
fn a_key_that_may_not_sign_is_refused() {
    let pki = Pki::new();
    let gate = gate(&pki);
    let usage = |usages: &[KeyUsagePurpose]| {
        let usages = usages.to_vec();
        pki.client(Leaf::client("notes").with(move |params| params.key_usages = usages))
    };

    admits(&pki, &gate, &usage(&[]));
    admits(&pki, &gate, &usage(&[DigitalSignature, KeyEncipherment]));
    for purpose in [KeyEncipherment, KeyAgreement] {
        let failure = refuses(&pki, &gate, &usage(&[purpose]), "alert");
        assert_eq!(failure["reason"], "client_cert_wrong_purpose");
        assert!(failure["detail"].as_str().unwrap().contains("digitalSignature"), "{failure}");
    }
}

#[test]
fn a_certificate_that_is_for_servers_only_is_refused_and_one_for_both_is_served() {
    let pki = Pki::new();
    let gate = gate(&pki);
    let purposes = |purposes: Vec<ExtendedKeyUsagePurpose>| {
        pki.client(Leaf::client("notes").with(|params| params.extended_key_usages = purposes))
    };

    admits(&pki, &gate, &purposes(vec![ServerAuth, ClientAuth]));
    let failure = refuses(&pki, &gate, &purposes(vec![ServerAuth]), "alert");
    assert_eq!(failure["reason"], "client_cert_wrong_purpose");
}
