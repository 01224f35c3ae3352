//! `clients.allow` and `clients.deny`.

use rcgen::{DnType, Issuer, SanType};
use rustls::version::TLS13;

use super::{admits, allowing, configured, refuses, says, with_uri};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::ClawgateCommand;

#[test]
fn a_star_in_a_spiffe_id_stands_for_one_segment_of_its_path() {
    let pki = Pki::new();
    let clawgate = allowing(&pki, "uri=spiffe://Example.ORG/ns/*/sa/notes");
    let svid = |uri: &str| pki.client(with_uri("svid", uri));

    admits(&pki, &clawgate, &svid("spiffe://example.org/ns/prod/sa/notes"));
    // Scheme and host in any case (RFC 3986 section 6.2.2.1).
    admits(&pki, &clawgate, &svid("SPIFFE://EXAMPLE.org/ns/test/sa/notes"));
    for other in [
        "spiffe://example.org/ns/a/b/sa/notes",
        "spiffe://example.org/ns//sa/notes",
        "spiffe://example.org/ns/prod/sa/Notes",
        "spiffe://example.org/ns/prod/sa/notes/x",
        "spiffe://example.org.evil.example/ns/prod/sa/notes",
    ] {
        let line = refuses(&pki, &clawgate, &svid(other));
        says(&line, "detail", &["no rule of clients.allow", &format!("it has uri={other}")]);
    }
}

#[test]
fn a_star_in_a_dns_name_stands_for_one_label_in_any_case() {
    let pki = Pki::new();
    let clawgate = allowing(&pki, "dns=*.Hooks.example");
    let named = |name: &str| {
        pki.client(Leaf::client("x").sans(vec![SanType::DnsName(name.try_into().unwrap())]))
    };

    admits(&pki, &clawgate, &named("a.hooks.example"));
    admits(&pki, &clawgate, &named("A.HOOKS.EXAMPLE"));
    refuses(&pki, &clawgate, &named("a.b.hooks.example"));
    refuses(&pki, &clawgate, &named("hooks.example"));
}

#[test]
fn a_name_counts_as_what_it_is_and_a_common_name_is_no_dns_name() {
    let pki = Pki::new();
    let clawgate = allowing(&pki, "dns=notes.example");
    let bare = |cn: &str| Leaf::client(cn).sans(vec![]);

    let line = refuses(&pki, &clawgate, &pki.client(bare("notes.example")));
    says(&line, "detail", &["[dns=notes.example]", "its common name is not read as one"]);
    let uri = with_uri("x", "notes.example");
    refuses(&pki, &clawgate, &pki.client(uri));
    let email = SanType::Rfc822Name("notes.example".try_into().unwrap());
    refuses(&pki, &clawgate, &pki.client(Leaf::client("x").sans(vec![email])));
    admits(&pki, &clawgate, &pki.client);
}

#[test]
fn an_email_address_keeps_the_case_of_its_local_part_only() {
    let pki = Pki::new();
    let clawgate = allowing(&pki, "email=Bot@Mail.Example");
    let email = |address: &str| {
        pki.client(Leaf::client("x").sans(vec![SanType::Rfc822Name(address.try_into().unwrap())]))
    };

    admits(&pki, &clawgate, &email("Bot@mail.EXAMPLE"));
    refuses(&pki, &clawgate, &email("bot@mail.example"));
}

#[test]
fn an_address_may_be_given_as_a_block() {
    let pki = Pki::new();
    let clawgate = allowing(&pki, "ip=10.1.0.0/16");
    let ip =
        |ip: &str| pki.client(Leaf::client("x").sans(vec![SanType::IpAddress(ip.parse().unwrap())]));

    admits(&pki, &clawgate, &ip("10.1.255.7"));
    let line = refuses(&pki, &clawgate, &ip("10.2.0.1"));
    says(&line, "detail", &["ip=10.1.0.0/16 is asked for, but it has ip=10.2.0.1"]);
}

#[test]
fn a_value_with_a_comma_stands_in_quotes() {
    let pki = Pki::new();
    let clawgate = configured(&pki, "clients.allow = ['o=\"Example, Ltd\", cn=notes', 'ou=A\\, B']\n");
    let of = |kind: DnType, value: &str| {
        pki.client(Leaf::client("notes").with(|params| params.distinguished_name.push(kind, value)))
    };

    admits(&pki, &clawgate, &of(DnType::OrganizationName, "Example, Ltd"));
    admits(&pki, &clawgate, &of(DnType::OrganizationalUnitName, "A, B"));
    refuses(&pki, &clawgate, &of(DnType::OrganizationName, "Example"));
}

#[test]
fn a_serial_is_taken_as_openssl_prints_it() {
    let pki = Pki::new();
    let clawgate = allowing(&pki, "serial=00:1A:2B, issuer=CN=Test Intermediate");

    admits(&pki, &clawgate, &pki.client(Leaf::client("x").serial(0x1a2b)));
    refuses(&pki, &clawgate, &pki.client(Leaf::client("x").serial(0x1a2c)));
    refuses(&pki, &clawgate, &Leaf::client("x").serial(0x1a2b).issued_by(&pki.root, &[]));
}

#[test]
fn an_issuer_is_recognised_by_its_key_whatever_else_the_client_sends_of_that_name() {
    let pki = Pki::new();
    // Two CAs of one name under one root: names cannot tell them apart, keys can.
    let (ours, theirs) = (pki.root.intermediate("Issuing"), pki.root.intermediate("Issuing"));
    let spki = clawgate::identity::sha256(&spki_of(&ours));
    let clawgate = allowing(&pki, &format!("issuer-spki={spki}"));

    admits(&pki, &clawgate, &Leaf::client("x").issued_by(&ours, &[&ours]));
    admits(&pki, &clawgate, &Leaf::client("x").issued_by(&ours, &[&theirs, &ours]));
    let line = refuses(&pki, &clawgate, &Leaf::client("x").issued_by(&theirs, &[&theirs]));
    let found = clawgate::identity::sha256(&spki_of(&theirs));
    says(
        &line,
        "detail",
        &[&format!("issuer-spki={spki} is asked for, but it has issuer-spki={found}")],
    );
    refuses(&pki, &clawgate, &Leaf::client("x").issued_by(&theirs, &[&ours, &theirs]));
    refuses(&pki, &clawgate, &Leaf::client("x").issued_by(&theirs, &[&theirs, &ours]));
    // A root that issued the leaf itself counts, too.
    let root = clawgate::identity::sha256(&spki_of(&pki.root));
    let clawgate = allowing(&pki, &format!("issuer-spki={root}"));
    admits(&pki, &clawgate, &Leaf::client("x").issued_by(&pki.root, &[]));
    refuses(&pki, &clawgate, &pki.client);
}

#[test]
fn a_denied_issuer_is_not_hidden_by_another_of_its_name() {
    let pki = Pki::new();
    let (good, bad) = (pki.root.intermediate("Issuing"), pki.root.intermediate("Issuing"));
    let spki = clawgate::identity::sha256(&spki_of(&bad));
    let clawgate =
        configured(&pki, &format!("[clients]\nallow = [\"any\"]\ndeny = [\"issuer-spki={spki}\"]\n"));

    admits(&pki, &clawgate, &Leaf::client("x").issued_by(&good, &[&bad, &good]));
    refuses(&pki, &clawgate, &Leaf::client("x").issued_by(&bad, &[&good, &bad]));
    refuses(&pki, &clawgate, &Leaf::client("x").issued_by(&bad, &[&bad]));
}

#[test]
fn a_client_of_no_configured_ca_cannot_choose_the_key_that_is_said_to_have_signed_it() {
    let pki = Pki::new();
    let lone = Leaf::client("lone");
    let params = lone.params.clone();
    let mut lone = lone.self_signed();
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("echo:")
        .arg("--pinned", lone.fingerprint())
        .arg(
            "--allow",
            format!("issuer-spki={}", clawgate::identity::sha256(&spki_of(&pki.intermediate))),
        )
        .start();

    refuses(&pki, &clawgate, &lone);
    // A certificate of its own name for the key of the CA; anybody can make one.
    let decoy =
        params.signed_by(&pki.intermediate.key, &Issuer::from_params(&params, &lone.key)).unwrap();
    lone.chain.push(decoy.der().to_vec());
    refuses(&pki, &clawgate, &lone);
    admits(&pki, &clawgate, &pki.client);
}

#[test]
fn a_deny_rule_wins_and_is_named_in_the_log_alone() {
    let pki = Pki::new();
    let clawgate = configured(
        &pki,
        "[clients]\nallow = [\"cn=calls\", \"o=Example\"]\ndeny = [\"cn=x\", \"dns=calls.*, o=Example\"]\n",
    );

    admits(&pki, &clawgate, &pki.client);
    let line = refuses(&pki, &clawgate, &pki.client(Leaf::client("calls")));

    says(&line, "detail", &["CN=calls", "the rule [dns=calls.*, o=Example] of clients.deny matches it"]);
    says(&line, "hint", &["clients.deny", "--deny"]);
}

#[test]
fn over_http_a_denied_client_gets_403_and_none_of_the_rules() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--refuse-with", "http")
        .arg("--allow", "any")
        .arg("--deny", "cn=secret-*")
        .start();
    let denied = pki.client(Leaf::client("secret-client"));

    let answer =
        Client::with_versions(&pki, &clawgate, Some(&denied), &[&TLS13]).post("/hooks/wake", "{}");

    assert_eq!((answer.status, &*answer.reason()), (403, "client_not_allowed"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "{answer:?}");
    let line = clawgate.failure();
    says(&line, "detail", &["[cn=secret-*] of clients.deny"]);
    assert_eq!(line["id"], answer.json()["id"]);
    assert_eq!(backend.connections(), 0);
}

#[test]
fn the_nearest_rule_and_what_it_lacks_are_in_the_log() {
    let pki = Pki::new();
    let clawgate = configured(
        &pki,
        "clients.allow = [\"cn=other\", \"cn=note, o=Example\", \"dns=x.example, uri=spiffe://x/y\"]\n",
    );

    let line = refuses(&pki, &clawgate, &pki.client);

    says(
        &line,
        "detail",
        &["nearest is [cn=note, o=Example]: cn=note is asked for, but it has cn=notes"],
    );
    says(&line, "hint", &["dns=notes.example"]);
}

#[test]
fn ten_thousand_rules_find_the_one_that_matches() {
    let pki = Pki::new();
    let mut rules: Vec<_> =
        (0..9_998).map(|number| format!("\"cn=client-{number}, o=Example\"")).collect();
    rules.push("\"dns=*.last.example\"".to_owned());
    rules.push("\"cn=notes\"".to_owned());
    let clawgate = configured(&pki, &format!("clients.allow = [{}]\n", rules.join(",")));

    admits(&pki, &clawgate, &pki.client);
    admits(&pki, &clawgate, &pki.client(Leaf::client("client-9997")));
    refuses(&pki, &clawgate, &pki.client(Leaf::client("client-9998")));
}

fn spki_of(ca: &Ca) -> Vec<u8> {
    rcgen::PublicKeyData::subject_public_key_info(&ca.key)
}
