//! Several server certificates: which one a client gets.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{PKCS_RSA_SHA256, SanType};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::{ClientConfig, RootCertStore, SupportedCipherSuite, SupportedProtocolVersion, version};

use crate::support::client::Client;
use crate::support::pki::{Identity, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand, Output};

/// A certificate for these names, in the files `file`.pem and `file`.key.
fn certificate(pki: &Pki, file: &str, leaf: Leaf, names: &[&str]) -> Identity {
    let names = names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect();
    let identity = leaf.sans(names).issued_by(&pki.intermediate, &[&pki.intermediate]);
    pki.files(file, &identity);
    identity
}

/// `clawgate` with the usual certificate (for localhost) first, and then these, whose keys come in the
/// other order.
fn with(pki: &Pki, files: &[&str]) -> ClawgateCommand {
    let path = |file: &str, suffix: &str| -> PathBuf { pki.dir().join(format!("{file}.{suffix}")) };
    let mut command = ClawgateCommand::new(pki).upstream("echo:");
    for file in files {
        command = command.arg("--cert", path(file, "pem"));
    }
    for file in files.iter().rev() {
        command = command.arg("--key", path(file, "key"));
    }
    command
}

/// The leaf that a client asking for `name` is shown.
fn shown(pki: &Pki, clawgate: &Clawgate, name: &str) -> Vec<u8> {
    leaf_of(Client::new(pki, clawgate).named(name).trusting())
}

fn leaf_of(client: Client) -> Vec<u8> {
    let mut connection = client.connect().unwrap();
    assert!(connection.is_answered());
    connection.stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_client_is_shown_the_certificate_of_the_name_it_asks_for_and_else_the_first() {
    let pki = Pki::new();
    let one = certificate(&pki, "one", Leaf::server(), &["one.example"]);
    let many = certificate(&pki, "many", Leaf::server(), &["*.many.example", "other.example"]);
    let exact = certificate(&pki, "exact", Leaf::server(), &["x.many.example"]);
    let clawgate = with(&pki, &["one", "many", "exact"]).start();
    for (name, identity) in [
        ("localhost", &pki.server),
        ("one.example", &one),
        ("ONE.example", &one),
        ("other.example", &many),
        ("y.many.example", &many),
        ("x.many.example", &exact),
        // A wildcard stands for one label.
        ("many.example", &pki.server),
        ("a.b.many.example", &pki.server),
        ("unknown.example", &pki.server),
        // An address is not sent as a name.
        ("127.0.0.1", &pki.server),
    ] {
        assert!(shown(&pki, &clawgate, name) == identity.chain[0], "{name}");
    }
}

#[test]
fn with_strict_sni_the_names_of_all_certificates_are_served_and_no_others() {
    let pki = Pki::new();
    let one = certificate(&pki, "one", Leaf::server(), &["one.example"]);
    let clawgate = with(&pki, &["one"]).arg("--strict-sni", "true").start();

    assert_eq!(shown(&pki, &clawgate, "localhost"), pki.server.chain[0]);
    assert_eq!(shown(&pki, &clawgate, "one.example"), one.chain[0]);
    let refusal = Client::new(&pki, &clawgate).named("unknown.example").refusal();

    assert_eq!(refusal.alert, "unrecognized_name");
    let line = clawgate.failure();
    assert_eq!(line["reason"], "unknown_sni");
    let detail = line["detail"].as_str().unwrap();
    assert!(detail.contains("dns:localhost") && detail.contains("dns:one.example"), "{detail}");
}

/// A client that offers these suites alone.
fn with_suites(
    pki: &Pki,
    clawgate: &Clawgate,
    suites: &[SupportedCipherSuite],
    version: &'static SupportedProtocolVersion,
) -> Client {
    let provider = CryptoProvider { cipher_suites: suites.to_vec(), ..default_provider() };
    let mut client = Client::new(pki, clawgate);
    let resolver = Arc::clone(&client.config.client_auth_cert_resolver);
    client.config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_client_cert_resolver(resolver);
    client.trusting()
}

#[test]
fn of_two_kinds_of_key_a_client_is_shown_the_one_that_it_can_verify_and_ecdsa_where_it_can_both() {
    let pki = Pki::new();
    let rsa = |names: &[&str], file: &str| {
        certificate(&pki, file, Leaf::server().algorithm(&PKCS_RSA_SHA256), names)
    };
    let (rsa_named, rsa_default) = (rsa(&["one.example"], "rsa"), rsa(&["localhost"], "default"));
    let ecdsa_named = certificate(&pki, "ecdsa", Leaf::server(), &["one.example"]);
    let clawgate = with(&pki, &["rsa", "default", "ecdsa"]).start();
    let only_rsa = [cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
    let only_ecdsa = [cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    let old = |suites: &[SupportedCipherSuite], name: &str| {
        leaf_of(with_suites(&pki, &clawgate, suites, &version::TLS12).named(name))
    };

    assert_eq!(shown(&pki, &clawgate, "one.example"), ecdsa_named.chain[0]);
    assert_eq!(old(&only_ecdsa, "one.example"), ecdsa_named.chain[0]);
    assert_eq!(old(&only_rsa, "one.example"), rsa_named.chain[0]);
    assert_eq!(shown(&pki, &clawgate, "localhost"), pki.server.chain[0]);
    assert_eq!(old(&only_rsa, "localhost"), rsa_default.chain[0]);
    assert_eq!(old(&only_rsa, "unknown.example"), rsa_default.chain[0]);
}

#[test]
fn a_client_that_can_verify_no_certificate_of_the_name_is_refused_and_gets_no_other() {
    let pki = Pki::new();
    let rsa = Leaf::server().algorithm(&PKCS_RSA_SHA256);
    certificate(&pki, "rsa", rsa, &["one.example"]);
    let clawgate = with(&pki, &["rsa"]).start();
    let only_ecdsa = [cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];

    let refusal =
        with_suites(&pki, &clawgate, &only_ecdsa, &version::TLS12).named("one.example").refusal();

    assert_eq!(refusal.alert, "handshake_failure");
    assert_eq!(clawgate.failure()["reason"], "no_common_algorithms");
}

fn problems(output: Output) -> String {
    assert_eq!(output.code, Some(78), "{output:?}");
    output.stderr
}

#[test]
fn a_certificate_without_its_key_and_a_key_without_its_certificate_are_named() {
    let pki = Pki::new();
    certificate(&pki, "one", Leaf::server(), &["one.example"]);
    certificate(&pki, "two", Leaf::server(), &["two.example"]);
    let file = |name: &str| pki.dir().join(name);

    let said = problems(
        ClawgateCommand::new(&pki)
            .arg("--cert", file("one.pem"))
            .arg("--key", file("two.key"))
            .refused(),
    );

    assert!(said.contains("one.pem: has no key"), "{said}");
    assert!(said.contains("two.key: matches none of the certificates"), "{said}");
    assert!(!said.contains("server.pem: has") && !said.contains("server.key: fits"), "{said}");
}

#[test]
fn a_server_certificate_that_no_client_would_get_is_a_warning() {
    let pki = Pki::new();
    certificate(&pki, "again", Leaf::server(), &["localhost"]);

    let output = with(&pki, &["again"]).check();

    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("again.pem: is never sent"), "{output:?}");
}

#[test]
fn all_server_certificates_are_in_the_start_event_the_status_and_check() {
    let pki = Pki::new();
    certificate(&pki, "one", Leaf::server(), &["one.example"]);
    let clawgate = with(&pki, &["one"]).admin().start();
    let names = |value: &serde_json::Value| -> Vec<String> {
        let certificates = value["certificates"].as_array().unwrap();
        certificates
            .iter()
            .map(|certificate| certificate["san"][0].as_str().unwrap().to_owned())
            .collect()
    };

    assert_eq!(names(&clawgate.event("started", 1)), ["dns:localhost", "dns:one.example"]);
    let status = crate::support::plain::get(clawgate.admin(), "/status");
    assert_eq!(names(&status.json()), ["dns:localhost", "dns:one.example"]);
    let said = with(&pki, &["one"]).check().stdout;
    assert!(said.contains("good for dns:localhost, ip:127.0.0.1\n"), "{said}");
    assert!(said.contains("good for dns:one.example\n"), "{said}");
}

#[test]
fn a_reload_adds_and_takes_out_certificates() {
    let pki = Pki::new();
    let one = certificate(&pki, "one", Leaf::server(), &["one.example"]);
    let toml = |files: &[&str]| {
        let list = |suffix: &str| {
            let paths =
                files.iter().map(|file| format!("{:?}", pki.dir().join(format!("{file}.{suffix}"))));
            paths.collect::<Vec<_>>().join(", ")
        };
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:0\"\n[tls]\ncertificate = [{}]\nprivate_key = [{}]\n\
             [clients]\nca = {:?}\n[upstream]\nurl = \"echo:\"\n[admin]\naddress = \"off\"\n",
            list("pem"),
            list("key"),
            pki.file("ca.pem", pki.root.pem()),
        );
        pki.file("gate.toml", text)
    };
    pki.files("server", &pki.server);
    let clawgate = ClawgateCommand::bare("run").arg("--config", toml(&["server"])).start();
    assert_eq!(shown(&pki, &clawgate, "one.example"), pki.server.chain[0]);

    toml(&["server", "one"]);
    clawgate.signal("HUP");
    assert!(clawgate.event("reloaded", 1)["changed"][0].as_str().unwrap().contains("until"));
    assert_eq!(shown(&pki, &clawgate, "one.example"), one.chain[0]);

    toml(&["server"]);
    clawgate.signal("HUP");
    assert!(clawgate.event("reloaded", 2)["changed"][0].as_str().unwrap().contains("taken out"));
    assert_eq!(shown(&pki, &clawgate, "one.example"), pki.server.chain[0]);
}
