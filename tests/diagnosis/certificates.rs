//! Certificates of a configured CA that cannot be used by a client.

use rcgen::{CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, date_time_ymd};
use serde_json::json;

use super::{BOTH, Trial, refused, refused_by, says};
use crate::support::client::Client;
use crate::support::pki::{Leaf, Pki};
use crate::support::process::ClawgateCommand;

const DAY: i64 = 24 * 3600;

#[test]
fn a_client_without_a_certificate_gets_the_alert_for_it_over_both_versions() {
    let pki = Pki::new();
    let mut trial = Trial::new(&pki);

    for (name, version) in BOTH {
        let client = Client::with_versions(&pki, &trial.clawgate, None, &[version]);
        let line = trial.refuse(client, "client_cert_missing");
        assert_eq!(line["alert_sent"], "certificate_required");
        assert_eq!(line["tls_version"], name);
        assert!(line["client_cert"].is_null() && line["chain"].is_null(), "{line}");
        says(&line, "detail", &["no certificate", "CN=Test Root"]);
        says(&line, "hint", &["--cert", "Go, Java and GnuTLS", "Ed448"]);
    }
    trial.end();
}

#[test]
fn the_detail_for_an_expired_certificate_says_since_when() {
    let pki = Pki::new();
    let expired = pki.client(Leaf::client("late").valid(-30 * DAY, -3 * DAY - 3600));

    for line in refused(&pki, &expired, "client_cert_expired") {
        let until = line["client_cert"]["not_after"].as_str().unwrap();
        says(&line, "detail", &["CN=late", "expired 3 days ago", until, "clawgate's clock says 20"]);
        says(&line, "hint", &["renew"]);
        assert_eq!(line["alert_sent"], "certificate_expired");
    }
}

#[test]
fn the_detail_for_a_certificate_that_is_not_valid_yet_says_from_when_it_is() {
    let pki = Pki::new();
    let early = pki.client(Leaf::client("early").valid(10 * DAY + 3600, 20 * DAY));

    for line in refused(&pki, &early, "client_cert_not_yet_valid") {
        let from = line["client_cert"]["not_before"].as_str().unwrap();
        says(&line, "detail", &["CN=early", "10 days from now", from, "clawgate's clock says 20"]);
        says(&line, "hint", &["clocks"]);
    }
}

#[test]
fn the_detail_for_a_server_certificate_says_which_purpose_is_missing() {
    let pki = Pki::new();
    let server = pki.client(Leaf::server());

    for line in refused(&pki, &server, "client_cert_wrong_purpose") {
        says(&line, "detail", &["CN=gate", "serverAuth", "lacks clientAuth"]);
        says(&line, "hint", &["extendedKeyUsage=clientAuth"]);
        assert_eq!(line["client_cert"]["eku"], json!(["serverAuth"]));
    }
}

#[test]
fn a_certificate_whose_key_may_not_sign_is_refused() {
    let pki = Pki::new();
    let usages = vec![KeyUsagePurpose::KeyEncipherment];
    let cipher = pki.client(Leaf::client("cipher").with(|params| params.key_usages = usages));

    for line in refused(&pki, &cipher, "client_cert_wrong_purpose") {
        says(&line, "detail", &["CN=cipher", "keyUsage lacks digitalSignature"]);
        says(&line, "hint", &["keyUsage=digitalSignature"]);
    }
}

#[test]
fn a_ca_certificate_is_not_a_clients() {
    let pki = Pki::new();
    let ca = pki.client(Leaf::client("big").with(|params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    }));

    for line in refused(&pki, &ca, "client_cert_is_ca") {
        says(&line, "detail", &["CN=big", "is a CA certificate"]);
        says(&line, "hint", &["CA:FALSE"]);
    }
}

#[test]
fn an_unknown_critical_extension_is_named() {
    let pki = Pki::new();
    let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 7], vec![5, 0]);
    unknown.set_criticality(true);
    let strange = pki.client(Leaf::client("strange").extension(unknown));

    for line in refused(&pki, &strange, "client_cert_unsupported") {
        says(&line, "detail", &["CN=strange", "critical extension 1.3.6.1.4.1.99999.7"]);
        says(&line, "hint", &["not critical"]);
    }
}

#[test]
fn the_detail_for_a_revoked_certificate_says_since_when_and_why() {
    let pki = Pki::new();
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[0x1234], 3600));
    let revoked = pki.client(Leaf::client("stolen").serial(0x1234));

    let command = ClawgateCommand::new(&pki).arg("--crl", crl);
    for line in refused_by(command, &pki, &revoked, "client_cert_revoked") {
        says(&line, "detail", &["CN=stolen", "serial 1234", "revoked by CN=Test Intermediate at 20"]);
        // As RFC 5280 calls the reason.
        says(&line, "detail", &["keyCompromise"]);
        says(&line, "hint", &["new certificate"]);
        assert_eq!(line["alert_sent"], "certificate_revoked");
    }
}

#[test]
fn a_verified_certificate_that_no_rule_allows_is_refused() {
    let pki = Pki::new();
    let other = pki.client(Leaf::client("other"));

    let command = ClawgateCommand::new(&pki).arg("--allow", "dns=notes.example");
    for line in refused_by(command, &pki, &other, "client_not_allowed") {
        says(&line, "detail", &["CN=other", "verifies", "clients.allow"]);
        // What a rule could match is to be read right here.
        says(&line, "detail", &["dns:other.example"]);
        says(&line, "hint", &["clients.allow"]);
    }
}

#[test]
fn of_two_faults_of_one_certificate_both_are_named() {
    let pki = Pki::new();
    let leaf = Leaf::client("twice").valid(-9 * DAY, -2 * DAY - 3600);
    let twice = pki.client(leaf.with(|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }));

    for line in refused(&pki, &twice, "client_cert_expired") {
        says(&line, "detail", &["expired 2 days ago", "Besides: ", "lacks clientAuth"]);
    }
}

#[test]
fn an_expired_certificate_whose_key_may_not_sign_has_both_in_its_detail() {
    let pki = Pki::new();
    let leaf = Leaf::client("twice").valid(-9 * DAY, -2 * DAY - 3600);
    let usages = vec![KeyUsagePurpose::KeyAgreement];
    let twice = pki.client(leaf.with(|params| params.key_usages = usages));

    for line in refused(&pki, &twice, "client_cert_expired") {
        says(&line, "detail", &["expired 2 days ago", "Besides: ", "digitalSignature"]);
    }
}

#[test]
fn the_line_carries_the_whole_certificate() {
    let pki = Pki::new();
    let leaf = Leaf::client("full").serial(0xab_cdef).sans(vec![
        SanType::DnsName("full.example".try_into().unwrap()),
        SanType::URI("spiffe://house/full".try_into().unwrap()),
        SanType::Rfc822Name("full@house.example".try_into().unwrap()),
        SanType::IpAddress("192.0.2.7".parse().unwrap()),
    ]);
    let full = pki.client(leaf.with(|params| {
        params.not_before = date_time_ymd(2020, 1, 31);
        params.not_after = date_time_ymd(2021, 2, 28);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::EmailProtection];
    }));

    for line in refused(&pki, &full, "client_cert_expired") {
        let expected = json!({
            "subject": "O=Example,CN=full",
            "issuer": "CN=Test Intermediate",
            "serial": "abcdef",
            "not_before": "2020-01-31T00:00:00Z",
            "not_after": "2021-02-28T00:00:00Z",
            "san": ["dns:full.example", "uri:spiffe://house/full", "email:full@house.example", "ip:192.0.2.7"],
            "fingerprint_sha256": full.fingerprint(),
            "key": "ECDSA P-256",
            "eku": ["clientAuth", "emailProtection"],
        });
        assert_eq!(line["client_cert"], expected);
        let link = &line["chain"][0];
        assert_eq!(link["subject"], "CN=Test Intermediate");
        assert_eq!(link["issuer"], "CN=Test Root");
        assert_eq!(link["fingerprint_sha256"], clawgate::identity::sha256(&full.chain[1]));
        assert!(link["not_after"].is_string(), "{link}");
    }
}

#[test]
fn a_certificate_that_is_larger_than_any_that_is_looked_at_is_refused() {
    let pki = Pki::new();
    let name = |number: usize| SanType::DnsName(format!("n{number}.example").try_into().unwrap());
    let sans = |count| pki.client(Leaf::client("many").sans((0..count).map(name).collect()));

    for line in refused(&pki, &sans(513), "client_cert_too_large") {
        says(&line, "detail", &["513 subject alternative names", "at most 512"]);
        assert_eq!(line["alert_sent"], "certificate_unknown");
    }
    for line in refused(&pki, &sans(1500), "client_cert_too_large") {
        says(&line, "detail", &["bytes, and clawgate accepts at most 16384"]);
    }
}
