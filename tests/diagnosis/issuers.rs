//! Certificates that no configured CA has issued, or whose chain is not valid.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, GeneralSubtree, IsCa, NameConstraints,
    SanType,
};
use time::{Duration, OffsetDateTime};

use super::{refused, refused_by, says};
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki, der};
use crate::support::process::ClawgateCommand;

/// Valid until `days` and an hour ago.
fn ended(mut params: CertificateParams, days: i64) -> CertificateParams {
    params.not_after = OffsetDateTime::now_utc() - Duration::days(days) - Duration::hours(1);
    params
}

fn without_aki(leaf: Leaf) -> Leaf {
    leaf.with(|params| params.use_authority_key_identifier_extension = false)
}

#[test]
fn the_hint_for_a_self_signed_certificate_names_the_cas_to_ask() {
    let pki = Pki::new();
    let lone = Leaf::client("lone").self_signed();

    for line in refused(&pki, &lone, "client_cert_self_signed") {
        says(&line, "detail", &["O=Example,CN=lone", "its own issuer"]);
        says(&line, "hint", &["certified by", "CN=Test Root"]);
        assert_eq!(line["alert_sent"], "unknown_ca");
    }
}

#[test]
fn the_detail_for_an_unknown_ca_names_it_and_those_that_are_accepted() {
    let pki = Pki::new();
    let stranger = Leaf::client("stranger").issued_by(&Ca::root("Elsewhere Root"), &[]);

    for line in refused(&pki, &stranger, "client_cert_unknown_ca") {
        says(&line, "detail", &["CN=stranger", "issued by CN=Elsewhere Root", "(CN=Test Root)"]);
        says(&line, "hint", &["CN=Elsewhere Root", "clients.ca"]);
        assert_eq!(line["alert_sent"], "unknown_ca");
    }
}

#[test]
fn a_whole_chain_of_a_foreign_ca_is_named_by_its_end() {
    let pki = Pki::new();
    let root = Ca::root("Elsewhere Root");
    let issuing = root.intermediate("Elsewhere Issuing");
    let stranger = Leaf::client("stranger").issued_by(&issuing, &[&issuing, &root]);

    for line in refused(&pki, &stranger, "client_cert_unknown_ca") {
        says(&line, "detail", &["CN=Elsewhere Root", "none of the configured CAs"]);
        assert_eq!(line["chain"][0]["subject"], "CN=Elsewhere Issuing");
        assert_eq!(line["chain"][1]["subject"], "CN=Elsewhere Root");
    }
}

#[test]
fn a_certificate_of_a_ca_that_was_recreated_since_is_recognised() {
    let pki = Pki::new();
    let former = Leaf::client("former").issued_by(&Ca::root("Test Root"), &[]);

    for line in refused(&pki, &former, "client_cert_wrong_ca_key") {
        says(&line, "detail", &["CN=former", "CN=Test Root", "another key"]);
        says(&line, "hint", &["issued again", "clients.ca"]);
        assert_eq!(line["nearest_ca"], "CN=Test Root");
    }
}

#[test]
fn a_ca_made_again_is_recognized_without_key_identifiers_too() {
    let pki = Pki::new();
    let former = without_aki(Leaf::client("former")).issued_by(&Ca::root("Test Root"), &[]);

    for line in refused(&pki, &former, "client_cert_wrong_ca_key") {
        says(&line, "detail", &["CN=former", "CN=Test Root", "another key"]);
        assert_eq!(line["nearest_ca"], "CN=Test Root");
    }
}

#[test]
fn a_self_signed_certificate_in_the_name_of_the_ca_is_not_that_ca() {
    let pki = Pki::new();
    let impostor = Leaf::client("x")
        .with(|params| {
            params.distinguished_name = Ca::params("Test Root").distinguished_name;
        })
        .self_signed();

    for line in refused(&pki, &impostor, "client_cert_wrong_ca_key") {
        assert_eq!(line["nearest_ca"], "CN=Test Root");
    }
}

#[test]
fn a_certificate_of_an_intermediate_that_was_recreated_since_is_recognised() {
    let pki = Pki::new();
    let before = pki.root.intermediate("Test Intermediate");
    let former = Leaf::client("former").issued_by(&before, &[&pki.intermediate]);

    for line in refused(&pki, &former, "client_cert_wrong_ca_key") {
        says(&line, "detail", &["CN=former", "CN=Test Intermediate", "another key"]);
        assert_eq!(line["nearest_ca"], "CN=Test Intermediate");
    }
}

#[test]
fn an_intermediate_made_again_is_recognized_without_key_identifiers_too() {
    let pki = Pki::new();
    let before = pki.root.intermediate("Test Intermediate");
    let former = without_aki(Leaf::client("former")).issued_by(&before, &[&pki.intermediate]);

    for line in refused(&pki, &former, "client_cert_wrong_ca_key") {
        says(&line, "detail", &["CN=former", "CN=Test Intermediate", "another key"]);
        assert_eq!(line["nearest_ca"], "CN=Test Intermediate");
    }
}

#[test]
fn a_certificate_altered_after_signing_is_distinguished_from_one_of_another_ca() {
    let pki = Pki::new();
    let mut altered = pki.client(Leaf::client("altered"));
    *altered.chain[0].last_mut().unwrap() ^= 1;

    for line in refused(&pki, &altered, "client_cert_bad_signature") {
        says(&line, "detail", &["CN=altered"]);
        says(&line, "hint", &["as the CA issued it"]);
    }
}

#[test]
fn an_altered_intermediate_is_the_one_that_is_named() {
    let pki = Pki::new();
    let mut altered = pki.client(Leaf::client("innocent"));
    *altered.chain[1].last_mut().unwrap() ^= 1;

    for line in refused(&pki, &altered, "client_cert_bad_signature") {
        says(&line, "detail", &["CN=Test Intermediate"]);
    }
}

#[test]
fn the_hint_for_an_incomplete_chain_names_the_intermediate_to_append() {
    let pki = Pki::new();
    let alone = Leaf::client("alone").issued_by(&pki.intermediate, &[]);

    for line in refused(&pki, &alone, "client_chain_incomplete") {
        says(&line, "detail", &["CN=alone", "CN=Test Intermediate", "no other certificate was sent"]);
        says(&line, "hint", &["append the intermediate CN=Test Intermediate", "leaf first"]);
    }
}

/// A CA's parameters with an organisation.
fn of_house(name: &str) -> CertificateParams {
    let mut params = Ca::params(name);
    params.distinguished_name.push(DnType::OrganizationName, "House");
    params
}

/// The usual cast below a root with an organisation.
fn house() -> Pki {
    let mut pki = Pki::new();
    pki.root = Ca::root_of(of_house("House Root"));
    pki.server = Leaf::server().issued_by(&pki.root, &[]);
    pki.client = Leaf::client("notes").issued_by(&pki.root, &[]);
    pki
}

#[test]
fn a_foreign_ca_that_shares_the_organisation_of_a_configured_one_is_a_foreign_ca() {
    let pki = house();
    let stranger = Ca::root_of(of_house("House Root of Somebody Else"));
    let issuing = pki.root.intermediate_of(of_house("House Issuing"));

    for ca in [&stranger, &issuing] {
        let alone = Leaf::client("alone").issued_by(ca, &[]);
        for line in refused(&pki, &alone, "client_cert_unknown_ca") {
            says(&line, "detail", &["CN=alone", "none of the configured CAs (O=House,CN=House Root)"]);
            // It may be an intermediate after all: that must be said too.
            says(&line, "hint", &["clients.ca", "if it is an intermediate of a configured CA"]);
            assert_eq!(line["alert_sent"], "unknown_ca");
        }
    }
}

#[test]
fn a_missing_intermediate_is_known_by_an_authority_key_identifier_that_names_the_ca_above_it() {
    let pki = house();
    let issuing = pki.root.intermediate_of(of_house("House Issuing"));
    // keyIdentifier [0], authorityCertIssuer [1] with a directoryName [4], authorityCertSerialNumber [2]
    let (_, root) = x509_parser::parse_x509_certificate(pki.root.certificate.der()).unwrap();
    let above = der(0xa1, &der(0xa4, root.subject().as_raw()));
    let content = der(0x30, &[der(0x80, &[7; 20]), above, der(0x82, &[7])].concat());
    let leaf = without_aki(Leaf::client("alone"))
        .extension(CustomExtension::from_oid_content(&[2, 5, 29, 35], content));

    for line in refused(&pki, &leaf.issued_by(&issuing, &[]), "client_chain_incomplete") {
        says(
            &line,
            "detail",
            &["intermediate of the configured CA O=House,CN=House Root", "no other certificate"],
        );
        says(&line, "hint", &["append the intermediate O=House,CN=House Issuing"]);
        assert_eq!(line["nearest_ca"], "O=House,CN=House Root");
    }
}

#[test]
fn a_missing_intermediate_of_a_known_name_is_distinguished_from_its_previous_version_by_the_signature() {
    let pki = Pki::new();
    let former = pki.root.intermediate("Test Intermediate");
    let [alone, old] =
        [&pki.intermediate, &former].map(|ca| without_aki(Leaf::client("alone")).issued_by(ca, &[]));

    for line in refused(&pki, &alone, "client_chain_incomplete") {
        says(&line, "detail", &["CN=Test Intermediate, which is an intermediate of a configured CA"]);
    }
    for line in refused(&pki, &old, "client_cert_wrong_ca_key") {
        says(&line, "detail", &["CN=Test Intermediate", "another key"]);
    }
}

#[test]
fn an_issuer_whose_name_is_spelled_differently_is_reported() {
    let pki = Pki::new();
    let mut params = Ca::params("TEST  root");
    params.use_authority_key_identifier_extension = false;
    let certificate = pki.root.certificate.clone();
    let key = rcgen::KeyPair::from_pem(&pki.root.key.serialize_pem()).unwrap();
    let spelled = Ca { certificate, params, key };

    for line in refused(&pki, &Leaf::client("below").issued_by(&spelled, &[]), "client_cert_unknown_ca")
    {
        says(&line, "detail", &["CN=TEST  root", "configured CA CN=Test Root in another spelling"]);
        says(&line, "hint", &["exactly as in the CA's own certificate"]);
        assert_eq!(line["nearest_ca"], "CN=Test Root", "{line}");
    }
}

#[test]
fn an_issuer_that_is_no_ca_is_refused() {
    let pki = Pki::new();
    let mut params = Ca::params("Mere Server");
    params.is_ca = IsCa::ExplicitNoCa;
    let mere = pki.root.intermediate_of(params);
    let below = Leaf::client("below").issued_by(&mere, &[&mere]);

    for line in refused(&pki, &below, "client_chain_invalid") {
        says(&line, "detail", &["CN=below", "not a CA (CA:TRUE is missing)"]);
        says(&line, "hint", &["have it issued by a CA"]);
    }
}

#[test]
fn a_chain_longer_than_its_ca_allows_is_refused() {
    let pki = Pki::new();
    let mut params = Ca::params("Last Ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let last = pki.root.intermediate_of(params);
    let beyond = last.intermediate("Beyond Ca");
    let below = Leaf::client("below").issued_by(&beyond, &[&beyond, &last]);

    for line in refused(&pki, &below, "client_chain_invalid") {
        says(&line, "detail", &["CN=below", "pathlen"]);
        says(&line, "hint", &["raise the pathlen"]);
    }
}

#[test]
fn a_name_its_ca_may_not_certify_is_refused() {
    let pki = Pki::new();
    let mut params = Ca::params("Narrow Ca");
    let permitted_subtrees = vec![GeneralSubtree::DnsName("inside.example".into())];
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    let narrow = pki.root.intermediate_of(params);
    let outside = Leaf::client("notes").issued_by(&narrow, &[&narrow]);

    for line in refused(&pki, &outside, "client_chain_invalid") {
        says(
            &line,
            "detail",
            &[
                "CN=notes",
                "CN=Narrow Ca",
                "may not issue for the DNS name notes.example (its nameConstraints)",
            ],
        );
        says(&line, "hint", &["names that the CA's nameConstraints permit"]);
    }
    let inside = SanType::DnsName("a.inside.example".try_into().unwrap());
    let inside = Leaf::client("notes").sans(vec![inside]).issued_by(&narrow, &[&narrow]);
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let client = Client::with_identity(&pki, &clawgate, &inside);
    assert_eq!(client.post("/hooks/wake", "{}").status, 200, "a name inside the constraint");
}

#[test]
fn a_chain_deeper_than_can_be_followed_is_refused() {
    let pki = Pki::new();
    let mut cas = vec![pki.root.intermediate("Depth 0")];
    for depth in 1..8 {
        cas.push(cas[depth - 1].intermediate(&format!("Depth {depth}")));
    }
    let above: Vec<_> = cas.iter().rev().collect();
    let deep = Leaf::client("deep").issued_by(above[0], &above);

    for line in refused(&pki, &deep, "client_chain_invalid") {
        says(&line, "detail", &["CN=deep", "too deep"]);
        says(&line, "hint", &["own intermediates only"]);
    }
}

#[test]
fn an_expired_intermediate_is_distinguished_from_an_expired_certificate() {
    let pki = Pki::new();
    let old = pki.root.intermediate_of(ended(Ca::params("Old Intermediate"), 5));
    let fresh = Leaf::client("fresh").issued_by(&old, &[&old]);

    for line in refused(&pki, &fresh, "client_chain_expired") {
        says(&line, "detail", &["the intermediate CN=Old Intermediate", "expired 5 days ago", "T"]);
        says(&line, "hint", &["renew the intermediate"]);
        assert_eq!(line["alert_sent"], "certificate_expired");
    }
}

#[test]
fn an_expired_ca_admits_nobody_and_has_its_own_reason() {
    let pki = Pki::new();
    let old = Ca::root_of(ended(Ca::params("Old Root"), 40));
    let bundle = pki.file("old.pem", old.pem());
    let orphan = Leaf::client("orphan").issued_by(&old, &[]);

    let command = ClawgateCommand::new(&pki).arg("--client-ca", bundle);
    for line in refused_by(command, &pki, &orphan, "client_chain_expired") {
        says(&line, "detail", &["the CA CN=Old Root expired 40 days ago"]);
        says(&line, "hint", &["renew the CA", "clients.ca"]);
        assert_eq!(line["nearest_ca"], "CN=Old Root");
    }
}

#[test]
fn of_several_faults_the_first_to_fix_is_the_reason_and_the_others_are_named() {
    let pki = Pki::new();
    let elsewhere = Ca::root("Elsewhere Root");
    let day = 24 * 3600;
    let expired = Leaf::client("twice").valid(-9 * day, -2 * day - 3600).issued_by(&elsewhere, &[]);

    for line in refused(&pki, &expired, "client_cert_unknown_ca") {
        says(&line, "detail", &["CN=Elsewhere Root", "Besides: ", "expired 2 days ago"]);
    }
}

#[test]
fn an_expired_ca_is_distinguished_from_its_successor_of_the_same_name_by_the_signature() {
    let pki = Pki::new();
    // The CA was renewed with a new key, and both certificates are in the bundle.
    let old = Ca::root_of(ended(Ca::params("Test Root"), 40));
    let bundle = pki.file("old.pem", old.pem());
    let orphan = without_aki(Leaf::client("orphan")).issued_by(&old, &[]);

    let command = ClawgateCommand::new(&pki).arg("--client-ca", bundle);
    for line in refused_by(command, &pki, &orphan, "client_chain_expired") {
        says(&line, "detail", &["the CA CN=Test Root expired 40 days ago"]);
    }
}
