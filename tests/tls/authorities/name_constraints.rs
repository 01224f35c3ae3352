//! Name constraints of CAs (RFC 5280 section 4.2.1.10), which bind names in the subject too.

use rcgen::{DnType, GeneralSubtree, NameConstraints, SanType};

use super::super::{admits, clawgate};
use super::{below, lets_in, refuses, root};
use crate::diagnosis::{refused_by, says};
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::ClawgateCommand;

fn only(subtree: GeneralSubtree) -> NameConstraints {
    NameConstraints { permitted_subtrees: vec![subtree], excluded_subtrees: Vec::new() }
}

/// A CA that may issue for good.test alone, and one that may not issue for bad.test.
fn constrained() -> [Ca; 2] {
    let dns = |name: &str| GeneralSubtree::DnsName(name.to_owned());
    let permitted = root("Good Only", |params| params.name_constraints = Some(only(dns("good.test"))));
    let excluded = root("All But Bad", |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: vec![dns("bad.test")],
        });
    });
    [permitted, excluded]
}

/// A client of `ca` that has common names alone.
fn named(ca: &Ca, cns: &[&str]) -> Identity {
    let mut leaf = Leaf::client("x").sans(Vec::new());
    leaf.params.distinguished_name = rcgen::DistinguishedName::new();
    // A DistinguishedName of rcgen has each type once.
    for (kind, cn) in [DnType::CommonName, DnType::CustomDnType(vec![2, 5, 4, 3])].iter().zip(cns) {
        leaf.params.distinguished_name.push(kind.clone(), *cn);
    }
    leaf.issued_by(ca, &[])
}

#[test]
fn a_common_name_that_looks_like_a_host_name_is_bound_by_dns_name_constraints() {
    let pki = Pki::new();
    let [permitted, excluded] = constrained();

    for cn in ["b.other.test", "B.OTHER.TEST", "evilgood.test"] {
        let said =
            ["the CA CN=Good Only, which may not issue for the common name", cn, "nameConstraints"];
        refuses(&pki, &permitted, &named(&permitted, &[cn]), "client_chain_invalid", &said);
    }
    let said = ["CN=All But Bad, which may not issue for the common name a.bad.test"];
    refuses(&pki, &excluded, &named(&excluded, &["a.bad.test"]), "client_chain_invalid", &said);
    for (ca, cn) in [
        (&permitted, "a.good.test"),
        (&permitted, "notes"),
        (&permitted, "Notes of Mr. Smith"),
        (&excluded, "a.other.test"),
    ] {
        lets_in(&pki, &[ca], &named(ca, &[cn]));
    }
}

#[test]
fn each_of_several_common_names_is_bound() {
    let pki = Pki::new();
    let [permitted, _] = constrained();

    for cns in [["a.good.test", "b.other.test"], ["b.other.test", "a.good.test"]] {
        let client = named(&permitted, &cns);
        refuses(&pki, &permitted, &client, "client_chain_invalid", &["common name b.other.test"]);
    }
}

#[test]
fn a_common_name_beside_a_dns_name_is_none_of_a_host_as_for_openssl() {
    let pki = Pki::new();
    let [permitted, _] = constrained();
    let dns = |name: &str| vec![SanType::DnsName(name.try_into().unwrap())];
    let with = |name: &str| Leaf::client("b.other.test").sans(dns(name)).issued_by(&permitted, &[]);

    lets_in(&pki, &[&permitted], &with("a.good.test"));
    refuses(&pki, &permitted, &with("a.other.test"), "client_chain_invalid", &["nameConstraints"]);
}

#[test]
fn the_constraints_of_an_intermediate_bind_common_names_too() {
    let pki = Pki::new();
    let narrow = below(&pki.root, "Narrow Intermediate", |params| {
        params.name_constraints = Some(only(GeneralSubtree::DnsName("good.test".to_owned())));
    });
    let sent = |leaf: Identity| Identity {
        chain: vec![leaf.chain[0].clone(), narrow.certificate.der().to_vec()],
        key: leaf.key,
    };

    admits(&pki, &clawgate(&pki), &sent(named(&narrow, &["a.good.test"])));
    let other = sent(named(&narrow, &["b.other.test"]));
    for line in refused_by(ClawgateCommand::new(&pki), &pki, &other, "client_chain_invalid") {
        says(&line, "detail", &["the intermediate CN=Narrow Intermediate", "common name b.other.test"]);
    }
}

#[test]
fn an_e_mail_address_in_the_subject_is_bound_by_constraints_about_such() {
    let pki = Pki::new();
    let ca = root("Mail CA", |params| {
        params.name_constraints = Some(only(GeneralSubtree::Rfc822Name("good.test".to_owned())));
    });
    let email = DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]);
    let mut leaf = Leaf::client("one").sans(Vec::new());
    leaf.params.distinguished_name.push(email, "eve@other.test");

    let said = ["the CA CN=Mail CA, which may not issue for the e-mail address eve@other.test"];
    refuses(&pki, &ca, &leaf.issued_by(&ca, &[]), "client_chain_invalid", &said);
    lets_in(&pki, &[&ca], &Leaf::client("one").sans(Vec::new()).issued_by(&ca, &[]));
}
