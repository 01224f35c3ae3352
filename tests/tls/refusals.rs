//! Clients whose chain is valid and who are refused for another reason.

use rcgen::ExtendedKeyUsagePurpose::{self, ClientAuth, ServerAuth};
use rcgen::KeyUsagePurpose::{self, DigitalSignature, KeyAgreement, KeyEncipherment};
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::version;

use super::{admits, clawgate, refuses, with_groups};
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

fn with_crl(pki: &Pki, crl: String) -> Clawgate {
    ClawgateCommand::new(pki).upstream("echo:").arg("--crl", pki.file("crl.pem", crl)).start()
}

#[test]
fn version_and_cipher_suite_are_shown_whatever_the_key_exchange() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    for (number, group) in (1..).zip([kx_group::X25519MLKEM768, kx_group::X25519]) {
        let expired = pki.client(Leaf::client("notes").valid(-7200, -3600));
        let client = with_groups(&pki, &clawgate, &expired, &[group]);

        let error = client.refused();

        assert!(error.to_string().contains("CertificateExpired"), "{error}");
        let failure = clawgate.event("handshake_failed", number);
        assert_eq!(failure["tls_version"], "TLSv1.3", "{failure}");
        assert!(failure["cipher"].as_str().unwrap().starts_with("TLS_AES_"), "{failure}");
    }
}

#[test]
fn a_verified_client_without_a_rule_is_refused_and_one_with_a_rule_is_served() {
    let pki = Pki::new();
    let mut clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--allow", "cn=calls, o=Example")
        .arg("--allow", "dns=notes.example")
        .start();

    admits(&pki, &clawgate, &pki.client);
    admits(&pki, &clawgate, &pki.client(Leaf::client("calls")));
    let stranger = pki.client(Leaf::client("stranger"));
    let failure = refuses(&pki, &clawgate, &stranger, "AccessDenied");
    assert_eq!(failure["reason"], "client_not_allowed");
    assert_eq!(failure["alert_sent"], "access_denied");
    assert!(failure["detail"].as_str().unwrap().contains("CN=stranger"), "{failure}");
    assert_eq!(clawgate.all("handshake_failed").len(), 1);
}

#[test]
fn a_client_without_a_rule_is_refused_over_tls_1_2_too() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--allow", "cn=calls").start();

    let client = Client::with_versions(&pki, &clawgate, Some(&pki.client), &[&version::TLS12]);

    let error = client.refused();
    assert!(error.to_string().contains("AccessDenied"), "{error}");
    assert_eq!(clawgate.failure()["reason"], "client_not_allowed");
}

#[test]
fn a_rule_by_fingerprint_admits_that_very_certificate_alone() {
    let pki = Pki::new();
    let rule = format!("fingerprint={}", pki.client.fingerprint());
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--allow", rule).start();

    admits(&pki, &clawgate, &pki.client);
    let same_name = pki.client(Leaf::client("notes"));
    let failure = refuses(&pki, &clawgate, &same_name, "AccessDenied");
    assert_eq!(failure["reason"], "client_not_allowed");
}

#[test]
fn a_rule_does_not_admit_whose_chain_is_not_good() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--allow", "cn=notes").start();

    let failure = refuses(&pki, &clawgate, &Leaf::client("notes").self_signed(), "UnknownCA");

    assert_eq!(failure["reason"], "client_cert_self_signed");
}

#[test]
fn a_revoked_client_is_refused_and_the_others_of_its_ca_are_served() {
    let pki = Pki::new();
    let revoked = pki.client(Leaf::client("revoked").serial(0x1234));
    let good = pki.client(Leaf::client("good").serial(0x1235));
    let clawgate = with_crl(&pki, pki.intermediate.crl(&[0x1234], 3600));

    admits(&pki, &clawgate, &good);
    let failure = refuses(&pki, &clawgate, &revoked, "CertificateRevoked");
    assert_eq!(failure["reason"], "client_cert_revoked");
    assert_eq!(failure["alert_sent"], "certificate_revoked");
    assert_eq!(failure["client_cert"]["serial"], "1234");
    assert!(failure["detail"].as_str().unwrap().contains("CN=Test Intermediate"), "{failure}");
}

#[test]
fn the_revocation_list_of_one_ca_says_nothing_about_the_clients_of_another() {
    let pki = Pki::new();
    let other = Ca::root("Other Root");
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--client-ca", pki.file("other.pem", other.pem()))
        .arg("--crl", pki.file("crl.pem", pki.intermediate.crl(&[0x1234], 3600)))
        .start();

    admits(&pki, &clawgate, &Leaf::client("same-serial").serial(0x1234).issued_by(&other, &[]));
    admits(&pki, &clawgate, &Leaf::client("direct").serial(0x1234).issued_by(&pki.root, &[]));
}

#[test]
fn several_revocation_lists_hold_together_in_one_file_or_in_several() {
    let pki = Pki::new();
    let lists = [pki.root.crl(&[1], 3600), pki.intermediate.crl(&[2], 3600)];
    let one_file = with_crl(&pki, lists.concat());
    let several = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--crl", pki.file("root.crl", &lists[0]))
        .arg("--crl", pki.file("intermediate.crl", &lists[1]))
        .start();

    for clawgate in [one_file, several] {
        let of_root = Leaf::client("direct").serial(1).issued_by(&pki.root, &[]);
        refuses(&pki, &clawgate, &of_root, "CertificateRevoked");
        refuses(&pki, &clawgate, &pki.client(Leaf::client("other").serial(2)), "CertificateRevoked");
        admits(&pki, &clawgate, &pki.client(Leaf::client("good").serial(1)));
    }
}

#[test]
fn a_revoked_intermediate_takes_its_clients_with_it() {
    let pki = Pki::new();
    let mut revoked = Ca::root("Revoked Intermediate");
    revoked.params.serial_number = Some(77.into());
    revoked.certificate = revoked.params.signed_by(&revoked.key, &pki.root.issuer()).unwrap();
    let clawgate = with_crl(&pki, pki.root.crl(&[77], 3600));

    admits(&pki, &clawgate, &pki.client);
    let below = Leaf::client("below").issued_by(&revoked, &[&revoked]);
    let failure = refuses(&pki, &clawgate, &below, "CertificateRevoked");
    assert_eq!(failure["reason"], "client_cert_revoked", "{failure}");
    assert!(failure["detail"].as_str().unwrap().contains("CN=Revoked Intermediate"), "{failure}");
}

#[test]
fn a_crl_signed_by_another_key_admits_no_client_of_the_ca() {
    let pki = Pki::new();
    let impostor = Ca::root("Test Intermediate");
    let mut clawgate = with_crl(&pki, impostor.crl(&[], 3600));

    let failure = refuses(&pki, &clawgate, &pki.client, "alert");

    assert_eq!(failure["reason"], "crl_unavailable", "{failure}");
    assert_eq!(clawgate.all("request").len(), 0);
}

#[test]
fn a_crl_that_expires_while_clawgate_runs_admits_no_client_of_its_ca() {
    let pki = Pki::new();
    let clawgate = with_crl(&pki, pki.intermediate.crl(&[], 4));
    let connect =
        || Client::with_versions(&pki, &clawgate, Some(&pki.client), &[&version::TLS12]).connect();

    let error = eventually("the refusal", || connect().err());

    assert!(error.to_string().contains("alert"), "{error}");
    let failure = clawgate.failure();
    assert_eq!(failure["reason"], "crl_expired", "{failure}");
    let hint = failure["hint"].as_str().unwrap();
    assert!(hint.contains("fetch the CA's current CRL"), "{failure}");
    admits(&pki, &clawgate, &Leaf::client("direct").issued_by(&pki.root, &[]));
}

#[test]
fn a_key_that_may_not_sign_is_refused() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let usage = |usages: &[KeyUsagePurpose]| {
        let usages = usages.to_vec();
        pki.client(Leaf::client("notes").with(move |params| params.key_usages = usages))
    };

    admits(&pki, &clawgate, &usage(&[]));
    admits(&pki, &clawgate, &usage(&[DigitalSignature, KeyEncipherment]));
    for purpose in [KeyEncipherment, KeyAgreement] {
        let failure = refuses(&pki, &clawgate, &usage(&[purpose]), "alert");
        assert_eq!(failure["reason"], "client_cert_wrong_purpose");
        assert!(failure["detail"].as_str().unwrap().contains("digitalSignature"), "{failure}");
    }
}

#[test]
fn a_certificate_that_is_for_servers_only_is_refused_and_one_for_both_is_served() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let purposes = |purposes: Vec<ExtendedKeyUsagePurpose>| {
        pki.client(Leaf::client("notes").with(|params| params.extended_key_usages = purposes))
    };

    admits(&pki, &clawgate, &purposes(vec![ServerAuth, ClientAuth]));
    let failure = refuses(&pki, &clawgate, &purposes(vec![ServerAuth]), "alert");
    assert_eq!(failure["reason"], "client_cert_wrong_purpose");
}
