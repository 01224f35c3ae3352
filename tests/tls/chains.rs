//! Which chains, CAs and keys of clients are accepted.

use rcgen::{
    BasicConstraints, IsCa, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512,
    PKCS_ED25519, PKCS_RSA_SHA256,
};

use super::{admits, clawgate, refuses};
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// A clawgate that trusts what is in `bundle` and nothing else.
fn clawgate_trusting(pki: &Pki, bundle: &str) -> Clawgate {
    let (certificate, key) = pki.files("server", &pki.server);
    ClawgateCommand::bare("run")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.file("bundle.pem", bundle))
        .arg("--listen", "127.0.0.1:0")
        .arg("--admin", "off")
        .upstream("echo:")
        .start()
}

#[test]
fn clients_are_admitted_with_none_one_or_two_intermediates() {
    let pki = Pki::new();
    let mut clawgate = clawgate(&pki);
    let lower = pki.intermediate.intermediate("Lower Intermediate");

    admits(&pki, &clawgate, &Leaf::client("direct").issued_by(&pki.root, &[]));
    admits(&pki, &clawgate, &Leaf::client("one").issued_by(&pki.intermediate, &[&pki.intermediate]));
    admits(&pki, &clawgate, &Leaf::client("two").issued_by(&lower, &[&lower, &pki.intermediate]));
    assert_eq!(clawgate.all("handshake_failed").len(), 0);
}

#[test]
fn the_order_of_the_intermediates_does_not_matter_nor_do_others_among_them() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let lower = pki.intermediate.intermediate("Lower Intermediate");
    let unrelated = Ca::root("Unrelated Root");

    admits(&pki, &clawgate, &Leaf::client("turned").issued_by(&lower, &[&pki.intermediate, &lower]));
    let with_root = [&pki.root, &pki.intermediate, &lower];
    admits(&pki, &clawgate, &Leaf::client("with-root").issued_by(&lower, &with_root));
    let with_more = [&unrelated, &pki.intermediate, &lower, &pki.intermediate];
    admits(&pki, &clawgate, &Leaf::client("with-more").issued_by(&lower, &with_more));
}

#[test]
fn a_chain_without_its_middle_is_refused() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let lower = pki.intermediate.intermediate("Lower Intermediate");
    let torn = Leaf::client("torn").issued_by(&lower, &[&lower]);

    let failure = refuses(&pki, &clawgate, &torn, "UnknownCA");

    assert_eq!(failure["reason"], "client_chain_incomplete", "{failure}");
}

#[test]
fn a_root_that_the_client_brings_along_is_not_trusted() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let own = Ca::root("Own Root");
    let brought = Leaf::client("notes").issued_by(&own, &[&own]);

    let failure = refuses(&pki, &clawgate, &brought, "UnknownCA");

    assert_eq!(failure["reason"], "client_cert_unknown_ca", "{failure}");
}

#[test]
fn a_client_that_plays_the_ca_with_its_own_key_issues_nothing() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let mut greedy = Ca::root("Greedy Client");
    greedy.params.is_ca = IsCa::ExplicitNoCa;
    greedy.certificate = greedy.params.signed_by(&greedy.key, &pki.root.issuer()).unwrap();
    let made_up = Leaf::client("notes").issued_by(&greedy, &[&greedy]);

    let failure = refuses(&pki, &clawgate, &made_up, "alert");

    assert_eq!(failure["reason"], "client_chain_invalid", "{failure}");
}

#[test]
fn an_intermediate_that_may_not_have_another_below_it_has_none() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki);
    let mut last = Ca::root("Last Intermediate");
    last.params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    last.certificate = last.params.signed_by(&last.key, &pki.root.issuer()).unwrap();
    let below = last.intermediate("Below");

    admits(&pki, &clawgate, &Leaf::client("good").issued_by(&last, &[&last]));
    let deep = Leaf::client("deep").issued_by(&below, &[&below, &last]);
    let failure = refuses(&pki, &clawgate, &deep, "alert");
    assert_eq!(failure["reason"], "client_chain_invalid", "{failure}");
}

#[test]
fn several_cas_may_stand_in_one_bundle() {
    let pki = Pki::new();
    let [first, second] = ["First Root", "Second Root"].map(Ca::root);
    let text = format!("# our CAs\n{}\nand\n{}{}", first.pem(), second.pem(), pki.root.pem());
    let clawgate = clawgate_trusting(&pki, &text);

    for ca in [&first, &second, &pki.root] {
        admits(&pki, &clawgate, &Leaf::client("notes").issued_by(ca, &[]));
    }
}

#[test]
fn several_bundles_may_be_given() {
    let pki = Pki::new();
    let [first, second] = ["First Root", "Second Root"].map(Ca::root);
    let clawgate = ClawgateCommand::new(&pki)
        .arg("--client-ca", pki.file("first.pem", first.pem()))
        .arg("--client-ca", pki.file("second.pem", second.pem()))
        .upstream("echo:")
        .start();

    for ca in [&first, &second, &pki.root] {
        admits(&pki, &clawgate, &Leaf::client("notes").issued_by(ca, &[]));
    }
    assert_eq!(clawgate.event("started", 1)["client_cas"].as_array().unwrap().len(), 3);
}

#[test]
fn two_cas_of_the_same_name_are_both_good_as_when_a_ca_gets_a_new_key() {
    let pki = Pki::new();
    let [old, new] = ["Rotated Root", "Rotated Root"].map(Ca::root);
    let clawgate = clawgate_trusting(&pki, &(old.pem() + &new.pem()));

    for ca in [&old, &new] {
        admits(&pki, &clawgate, &Leaf::client("notes").issued_by(ca, &[]));
    }
}

#[test]
fn an_intermediate_may_be_the_ca_and_then_it_alone_is_trusted() {
    let pki = Pki::new();
    let clawgate = clawgate_trusting(&pki, &pki.intermediate.pem());
    let sibling = pki.root.intermediate("Sibling Intermediate");

    admits(&pki, &clawgate, &Leaf::client("alone").issued_by(&pki.intermediate, &[]));
    admits(&pki, &clawgate, &pki.client);
    let foreign = Leaf::client("foreign").issued_by(&sibling, &[&sibling, &pki.root]);
    let failure = refuses(&pki, &clawgate, &foreign, "UnknownCA");
    assert_eq!(failure["client_cert"]["issuer"], "CN=Sibling Intermediate");
}

#[test]
fn every_usual_kind_of_key_is_taken_over_both_versions() {
    let pki = Pki::new();
    let mut clawgate = clawgate(&pki);
    for (name, algorithm) in [
        ("p256", &PKCS_ECDSA_P256_SHA256),
        ("p384", &PKCS_ECDSA_P384_SHA384),
        ("p521", &PKCS_ECDSA_P521_SHA512),
        ("rsa", &PKCS_RSA_SHA256),
        ("ed25519", &PKCS_ED25519),
    ] {
        admits(&pki, &clawgate, &pki.client(Leaf::client(name).algorithm(algorithm)));
    }
    assert_eq!(clawgate.all("handshake_failed").len(), 0);
}

#[test]
fn clawgate_itself_may_have_every_usual_kind_of_key() {
    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_RSA_SHA256, &PKCS_ED25519]
    {
        let mut pki = Pki::new();
        let server = Leaf::server().algorithm(algorithm);
        pki.server = server.issued_by(&pki.intermediate, &[&pki.intermediate]);

        admits(&pki, &clawgate(&pki), &pki.client);
    }
}

#[test]
fn a_ca_that_expires_while_clawgate_runs_admits_nobody_any_more_and_the_others_do() {
    let pki = Pki::new();
    let params = {
        let mut params = Ca::params("Short Root");
        params.not_after = time::OffsetDateTime::now_utc() + time::Duration::seconds(3);
        params
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let short = Ca { certificate, params, key };
    let clawgate = clawgate_trusting(&pki, &(short.pem() + &pki.root.pem()));
    let client = Leaf::client("long-lived").issued_by(&short, &[]);
    admits(&pki, &clawgate, &client);

    // Admitted again and again until the CA expires.
    let failure = eventually("the refusal", || {
        let client = Client::with_identity(&pki, &clawgate, &client);
        let let_in = client.connect().is_ok_and(|mut connection| connection.is_answered());
        (!let_in).then(|| clawgate.failure())
    });

    assert_eq!(failure["reason"], "client_chain_expired", "{failure}");
    admits(&pki, &clawgate, &pki.client);
}
