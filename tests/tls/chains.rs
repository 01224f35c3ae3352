//! Which chains, CAs and keys of senders are good.

use rcgen::{
    BasicConstraints, IsCa, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512,
    PKCS_ED25519, PKCS_RSA_SHA256,
};

use super::{admits, gate, refuses};
use crate::support::eventually;
use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::sender::Sender;

/// A gate that trusts what is in `bundle` and nothing else.
fn gate_trusting(pki: &Pki, bundle: &str) -> Gate {
    let (certificate, key) = pki.files("server", &pki.server);
    GateCommand::bare("run")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.file("bundle.pem", bundle))
        .arg("--listen", "127.0.0.1:0")
        .arg("--admin", "off")
        .upstream("echo:")
        .start()
}

#[test]
fn senders_are_let_in_with_none_one_or_two_intermediates() {
    let pki = Pki::new();
    let mut gate = gate(&pki);
    let lower = pki.intermediate.intermediate("Lower Intermediate");

    admits(&pki, &gate, &Leaf::client("direct").issued_by(&pki.root, &[]));
    admits(&pki, &gate, &Leaf::client("one").issued_by(&pki.intermediate, &[&pki.intermediate]));
    admits(&pki, &gate, &Leaf::client("two").issued_by(&lower, &[&lower, &pki.intermediate]));
    assert_eq!(gate.all("handshake_failed").len(), 0);
}

#[test]
fn the_order_of_the_intermediates_does_not_matter_nor_do_others_among_them() {
    let pki = Pki::new();
    let gate = gate(&pki);
    let lower = pki.intermediate.intermediate("Lower Intermediate");
    let unrelated = Ca::root("Unrelated Root");

    admits(&pki, &gate, &Leaf::client("turned").issued_by(&lower, &[&pki.intermediate, &lower]));
    let with_root = [&pki.root, &pki.intermediate, &lower];
    admits(&pki, &gate, &Leaf::client("with-root").issued_by(&lower, &with_root));
    let with_more = [&unrelated, &pki.intermediate, &lower, &pki.intermediate];
    admits(&pki, &gate, &Leaf::client("with-more").issued_by(&lower, &with_more));
}

#[test]
fn a_chain_without_its_middle_is_refused() {
    let pki = Pki::new();
    let gate = gate(&pki);
    let lower = pki.intermediate.intermediate("Lower Intermediate");
    let torn = Leaf::client("torn").issued_by(&lower, &[&lower]);

    let failure = refuses(&pki, &gate, &torn, "UnknownCA");

    assert_eq!(failure["reason"], "client_chain_incomplete", "{failure}");
}

#[test]
fn a_root_that_the_sender_brings_along_is_not_trusted() {
    let pki = Pki::new();
    let gate = gate(&pki);
    let own = Ca::root("Own Root");
    let brought = Leaf::client("notes").issued_by(&own, &[&own]);

    let failure = refuses(&pki, &gate, &brought, "UnknownCA");

    assert_eq!(failure["reason"], "client_cert_unknown_ca", "{failure}");
}

#[test]
fn a_sender_that_plays_the_ca_with_its_own_key_issues_nothing() {
    let pki = Pki::new();
    let gate = gate(&pki);
    let mut greedy = Ca::root("Greedy Sender");
    greedy.params.is_ca = IsCa::ExplicitNoCa;
    greedy.certificate = greedy.params.signed_by(&greedy.key, &pki.root.issuer()).unwrap();
    let made_up = Leaf::client("notes").issued_by(&greedy, &[&greedy]);

    let failure = refuses(&pki, &gate, &made_up, "alert");

    assert_eq!(failure["reason"], "client_chain_invalid", "{failure}");
}

#[test]
fn an_intermediate_that_may_not_have_another_below_it_has_none() {
    let pki = Pki::new();
    let gate = gate(&pki);
    let mut last = Ca::root("Last Intermediate");
    last.params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    last.certificate = last.params.signed_by(&last.key, &pki.root.issuer()).unwrap();
    let below = last.intermediate("Below");

    admits(&pki, &gate, &Leaf::client("good").issued_by(&last, &[&last]));
    let deep = Leaf::client("deep").issued_by(&below, &[&below, &last]);
    let failure = refuses(&pki, &gate, &deep, "alert");
    assert_eq!(failure["reason"], "client_chain_invalid", "{failure}");
}

#[test]
fn several_cas_may_stand_in_one_bundle() {
    let pki = Pki::new();
    let [first, second] = ["First Root", "Second Root"].map(Ca::root);
    let text = format!("# our CAs\n{}\nand\n{}{}", first.pem(), second.pem(), pki.root.pem());
    let gate = gate_trusting(&pki, &text);

    for ca in [&first, &second, &pki.root] {
        admits(&pki, &gate, &Leaf::client("notes").issued_by(ca, &[]));
    }
}

#[test]
fn several_bundles_may_be_given() {
    let pki = Pki::new();
    let [first, second] = ["First Root", "Second Root"].map(Ca::root);
    let gate = GateCommand::new(&pki)
        .arg("--client-ca", pki.file("first.pem", first.pem()))
        .arg("--client-ca", pki.file("second.pem", second.pem()))
        .upstream("echo:")
        .start();

    for ca in [&first, &second, &pki.root] {
        admits(&pki, &gate, &Leaf::client("notes").issued_by(ca, &[]));
    }
    assert_eq!(gate.event("started", 1)["client_cas"].as_array().unwrap().len(), 3);
}

#[test]
fn two_cas_of_the_same_name_are_both_good_as_when_a_ca_gets_a_new_key() {
    let pki = Pki::new();
    let [old, new] = ["Rotated Root", "Rotated Root"].map(Ca::root);
    let gate = gate_trusting(&pki, &(old.pem() + &new.pem()));

    for ca in [&old, &new] {
        admits(&pki, &gate, &Leaf::client("notes").issued_by(ca, &[]));
    }
}

#[test]
fn an_intermediate_may_be_the_ca_and_then_it_alone_is_trusted() {
    let pki = Pki::new();
    let gate = gate_trusting(&pki, &pki.intermediate.pem());
    let sibling = pki.root.intermediate("Sibling Intermediate");

    admits(&pki, &gate, &Leaf::client("alone").issued_by(&pki.intermediate, &[]));
    admits(&pki, &gate, &pki.client);
    let foreign = Leaf::client("foreign").issued_by(&sibling, &[&sibling, &pki.root]);
    let failure = refuses(&pki, &gate, &foreign, "UnknownCA");
    assert_eq!(failure["client_cert"]["issuer"], "CN=Sibling Intermediate");
}

#[test]
fn every_usual_kind_of_key_is_taken_over_both_versions() {
    let pki = Pki::new();
    let mut gate = gate(&pki);
    for (name, algorithm) in [
        ("p256", &PKCS_ECDSA_P256_SHA256),
        ("p384", &PKCS_ECDSA_P384_SHA384),
        ("p521", &PKCS_ECDSA_P521_SHA512),
        ("rsa", &PKCS_RSA_SHA256),
        ("ed25519", &PKCS_ED25519),
    ] {
        admits(&pki, &gate, &pki.client(Leaf::client(name).algorithm(algorithm)));
    }
    assert_eq!(gate.all("handshake_failed").len(), 0);
}

#[test]
fn the_gate_itself_may_have_every_usual_kind_of_key() {
    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_RSA_SHA256, &PKCS_ED25519]
    {
        let mut pki = Pki::new();
        let server = Leaf::server().algorithm(algorithm);
        pki.server = server.issued_by(&pki.intermediate, &[&pki.intermediate]);

        admits(&pki, &gate(&pki), &pki.client);
    }
}

#[test]
fn a_ca_that_expires_while_the_gate_runs_admits_nobody_any_more_and_the_others_do() {
    let pki = Pki::new();
    let params = {
        let mut params = Ca::params("Short Root");
        params.not_after = time::OffsetDateTime::now_utc() + time::Duration::seconds(3);
        params
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let short = Ca { certificate, params, key };
    let gate = gate_trusting(&pki, &(short.pem() + &pki.root.pem()));
    let client = Leaf::client("long-lived").issued_by(&short, &[]);
    admits(&pki, &gate, &client);

    // Admitted again and again until the CA expires.
    let failure = eventually("the refusal", || {
        let sender = Sender::with_identity(&pki, &gate, &client);
        let let_in = sender.connect().is_ok_and(|mut connection| connection.asks());
        (!let_in).then(|| gate.failure())
    });

    assert_eq!(failure["reason"], "client_chain_expired", "{failure}");
    admits(&pki, &gate, &pki.client);
}
