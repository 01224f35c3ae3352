//! What is negotiated in a handshake: versions, cipher suites, groups; and the log of TLS secrets.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::{ClientConfig, NamedGroup, RootCertStore, SupportedCipherSuite, version};
use serde_json::Value;

use crate::support::client::{Client, Connection};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

fn clawgate(pki: &Pki) -> ClawgateCommand {
    ClawgateCommand::new(pki).upstream("echo:")
}

/// A client that offers these alone; empty: what rustls does.
pub fn offering(
    pki: &Pki,
    clawgate: &Clawgate,
    suites: &[SupportedCipherSuite],
    groups: &[&'static dyn SupportedKxGroup],
) -> Client {
    let mut provider: CryptoProvider = default_provider();
    if !suites.is_empty() {
        provider.cipher_suites = suites.to_vec();
    }
    if !groups.is_empty() {
        provider.kx_groups = groups.to_vec();
    }
    let mut client = Client::new(pki, clawgate);
    let resolver = Arc::clone(&client.config.client_auth_cert_resolver);
    client.config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_client_cert_resolver(resolver);
    client.trusting()
}

fn served(client: Client) -> Connection {
    let mut connection = client.connect().unwrap();
    assert!(connection.is_answered());
    connection
}

fn says(line: &Value, field: &str, parts: &[&str]) {
    let text = line[field].as_str().unwrap();
    for part in parts {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn with_tls_1_3_required_the_detail_for_a_1_2_client_names_the_setting() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki).arg("--tls-min-version", "1.3").start();
    served(Client::with_versions(&pki, &clawgate, Some(&pki.client), &[&version::TLS13]));

    let refusal =
        Client::with_versions(&pki, &clawgate, Some(&pki.client), &[&version::TLS12]).refusal();

    assert_eq!(refusal.alert, "protocol_version");
    let line = clawgate.failure();
    assert_eq!(line["reason"], "tls_version");
    says(&line, "detail", &["the client offers TLSv1.2; TLS 1.3 is needed"]);
    says(&line, "hint", &["tls.min_version"]);
}

#[test]
fn suites_of_one_version_leave_the_other_out() {
    let pki = Pki::new();
    let only_old = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let clawgate = clawgate(&pki).arg("--cipher-suite", only_old).start();

    let connection = served(Client::new(&pki, &clawgate));
    let suite = connection.stream.conn.negotiated_cipher_suite().unwrap();
    assert_eq!(suite.suite().as_str(), Some(only_old));

    let refusal =
        Client::with_versions(&pki, &clawgate, Some(&pki.client), &[&version::TLS13]).refusal();
    assert_eq!(refusal.alert, "protocol_version");
    says(&clawgate.failure(), "detail", &["the client offers TLSv1.3; TLS 1.2 is needed"]);
}

#[test]
fn only_the_suites_that_are_listed_are_taken_and_the_line_names_them() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki).arg("--cipher-suite", "TLS_AES_128_GCM_SHA256").start();
    let aes_256 = [cipher_suite::TLS13_AES_256_GCM_SHA384];

    let connection = served(Client::new(&pki, &clawgate));
    let suite = connection.stream.conn.negotiated_cipher_suite().unwrap();
    assert_eq!(suite, cipher_suite::TLS13_AES_128_GCM_SHA256);

    let refusal = offering(&pki, &clawgate, &aes_256, &[]).refusal();
    assert_eq!(refusal.alert, "handshake_failure");
    let line = clawgate.failure();
    assert_eq!(line["reason"], "no_common_algorithms");
    says(&line, "hint", &["suites TLS_AES_128_GCM_SHA256, one of the groups X25519MLKEM768 X25519"]);
}

/// The suite that clawgate agrees on with a client of these.
fn agreed(pki: &Pki, clawgate: &Clawgate, suites: &[SupportedCipherSuite]) -> SupportedCipherSuite {
    served(offering(pki, clawgate, suites, &[])).stream.conn.negotiated_cipher_suite().unwrap()
}

#[test]
fn aes_128_is_agreed_on_with_whoever_has_it_over_both_versions() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki).start();

    let old = [
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ];
    assert_eq!(agreed(&pki, &clawgate, &[]), cipher_suite::TLS13_AES_128_GCM_SHA256);
    assert_eq!(agreed(&pki, &clawgate, &old), old[1]);
    assert_eq!(agreed(&pki, &clawgate, &old[..1]), old[0]);
}

#[test]
fn a_client_that_puts_chacha20_first_gets_it() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki).start();

    let new = [
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
    ];
    let old = [
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ];
    assert_eq!(agreed(&pki, &clawgate, &new), new[0]);
    assert_eq!(agreed(&pki, &clawgate, &old), old[0]);
}

#[test]
fn of_suites_that_are_listed_the_first_that_the_client_has_is_taken() {
    let pki = Pki::new();
    let list = "TLS_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256";
    let clawgate = clawgate(&pki).env("CLAWGATE_CIPHER_SUITES", list).start();

    let new = [cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_AES_256_GCM_SHA384];
    assert_eq!(agreed(&pki, &clawgate, &new), new[1]);
    assert_eq!(agreed(&pki, &clawgate, &new[..1]), new[0]);
}

#[test]
fn only_the_groups_that_are_listed_are_taken_and_the_line_names_them() {
    let pki = Pki::new();
    let clawgate = clawgate(&pki).arg("--group", "secp384r1").arg("--group", "X25519").start();
    let agreed = |groups: &[&'static dyn SupportedKxGroup]| {
        let connection = served(offering(&pki, &clawgate, &[], groups));
        connection.stream.conn.negotiated_key_exchange_group().unwrap().name()
    };

    assert_eq!(agreed(&[kx_group::SECP384R1, kx_group::X25519]), NamedGroup::secp384r1);
    assert_eq!(agreed(&[kx_group::X25519MLKEM768, kx_group::X25519]), NamedGroup::X25519);

    let refusal = offering(&pki, &clawgate, &[], &[kx_group::SECP256R1]).refusal();
    assert_eq!(refusal.alert, "handshake_failure");
    let line = clawgate.failure();
    assert_eq!(line["reason"], "no_common_algorithms");
    says(&line, "hint", &["groups secp384r1 X25519,"]);
}

#[test]
fn settings_with_which_no_client_could_connect_are_refused() {
    let pki = Pki::new();
    for (flags, parts) in [
        (
            &[("--tls-min-version", "1.3"), ("--cipher-suite", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
                [..],
            &["--cipher-suite", "leave no cipher suite for TLS 1.3", "tls.min_version"][..],
        ),
        (
            &[("--group", "MLKEM768"), ("--cipher-suite", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")],
            &["--group", "TLS 1.3 only", "add X25519"],
        ),
        (
            &[("--cipher-suite", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")],
            &["--cipher-suite", "the key of the server certificate"],
        ),
        (
            &[("--cipher-suite", "TLS_RSA_WITH_RC4_128_SHA")],
            &["no cipher suite", "TLS_AES_128_GCM_SHA256,"],
        ),
        (&[("--group", "secp521r1")], &["no group", "X25519MLKEM768, "]),
        (&[("--tls-min-version", "1.1")], &["is not one of its values", "use `1.2` or `1.3`"]),
        (&[("--key-log", "true")], &["--key-log", "SSLKEYLOGFILE names no file"]),
    ] {
        let command =
            flags.iter().fold(clawgate(&pki), |clawgate, (flag, value)| clawgate.arg(flag, *value));

        let output = command.refused();

        assert_eq!(output.code, Some(78), "{flags:?}: {output:?}");
        for part in parts {
            assert!(output.stderr.contains(part), "{flags:?}: {part} is not in {}", output.stderr);
        }
    }
}

#[test]
fn secrets_are_written_where_that_is_asked_for_and_each_start_and_check_warns_of_it() {
    let pki = Pki::new();
    let file = pki.dir().join("secrets");
    let with = || clawgate(&pki).arg("--key-log", "true").env("SSLKEYLOGFILE", &file);
    let checked = with().check();
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("settings --key-log\n  warning  load "), "{checked:?}");
    assert!(!file.exists());

    let clawgate = with().start();
    let warned = clawgate.events("settings_warning");
    assert!(warned.iter().any(|line| line["origin"] == "--key-log"), "{warned:?}");
    served(Client::new(&pki, &clawgate));

    let secrets = std::fs::read_to_string(&file).unwrap();
    assert!(secrets.contains("SERVER_TRAFFIC_SECRET_0 "), "{secrets}");
}

#[test]
fn the_variable_alone_gives_no_secret_away() {
    let pki = Pki::new();
    let file = pki.dir().join("secrets");
    let clawgate = clawgate(&pki).env("SSLKEYLOGFILE", &file).start();

    served(Client::new(&pki, &clawgate));

    assert!(!file.exists());
    let warned = clawgate.events("settings_warning");
    assert!(warned.iter().all(|line| !line.to_string().contains("SSLKEYLOGFILE")), "{warned:?}");
}

#[test]
fn a_reload_changes_what_is_agreed_to() {
    let pki = Pki::new();
    let settings = |version: &str| {
        pki.file("gate.toml", format!("upstream.url = \"echo:\"\ntls.min_version = \"{version}\"\n"))
    };
    let clawgate = ClawgateCommand::new(&pki).arg("--config", settings("1.2")).start();
    let old = || Client::with_versions(&pki, &clawgate, Some(&pki.client), &[&version::TLS12]);
    served(old());

    settings("1.3");
    clawgate.signal("HUP");

    let changed = &clawgate.event("reloaded", 1)["changed"];
    assert!(changed.as_array().unwrap().contains(&"tls.min_version".into()), "{changed}");
    assert_eq!(old().refusal().alert, "protocol_version");
}
