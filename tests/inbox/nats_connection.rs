//! The connection to a real nats-server: credentials and TLS.

use std::path::PathBuf;

use clawgate::inbox::jetstream::{FoundStream, Inspection, inspect};
use clawgate::inbox::{JetStreamSettings, NatsCredentials};
use nkeys::KeyPair;

use crate::support::nats::NatsServer;
use crate::support::pki::Pki;

/// A file with this content, in a folder of the test.
fn file(pki: &Pki, content: &str) -> PathBuf {
    pki.file("secret", content)
}

fn with(server: &NatsServer, credentials: NatsCredentials) -> JetStreamSettings {
    JetStreamSettings { credentials, ..server.stream() }
}

async fn connects(settings: &JetStreamSettings) {
    let inspection = inspect(settings, false).await.unwrap();
    assert_eq!(inspection.no_jetstream, None);
    assert_eq!(inspection.stream, Ok(None));
}

async fn is_refused(settings: &JetStreamSettings) {
    let why = inspect(settings, false).await.unwrap_err();
    assert!(why.contains("refuses the credentials"), "{why}");
}

#[tokio::test]
async fn a_token_of_a_file_is_accepted_and_another_one_is_refused() {
    let server = NatsServer::start("authorization { token: \"s3cret\" }");
    let pki = Pki::new();
    connects(&with(&server, NatsCredentials::TokenFile(file(&pki, "s3cret\n")))).await;
    is_refused(&with(&server, NatsCredentials::TokenFile(file(&pki, "other\n")))).await;
    is_refused(&with(&server, NatsCredentials::None)).await;
}

#[tokio::test]
async fn a_user_with_the_password_of_a_file_is_accepted() {
    let server = NatsServer::start("authorization { user: \"claw\", password: \"pass word\" }");
    let pki = Pki::new();
    let credentials = |content| NatsCredentials::UserPassword {
        user: "claw".to_owned(),
        password_file: file(&pki, content),
    };
    connects(&with(&server, credentials("pass word\n"))).await;
    is_refused(&with(&server, credentials("word\n"))).await;
}

#[tokio::test]
async fn a_user_with_the_seed_of_a_file_is_accepted() {
    let key = KeyPair::new_user();
    let server =
        NatsServer::start(&format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public_key()));
    let pki = Pki::new();
    connects(&with(&server, NatsCredentials::NkeyFile(file(&pki, &key.seed().unwrap())))).await;
    let other = KeyPair::new_user().seed().unwrap();
    is_refused(&with(&server, NatsCredentials::NkeyFile(file(&pki, &other)))).await;
}

#[tokio::test]
async fn a_file_that_is_missing_at_the_connection_is_named() {
    let credentials = NatsCredentials::TokenFile("/nowhere/token".into());
    let why = inspect(&with(NatsServer::shared(), credentials), false).await.unwrap_err();
    assert!(why.contains("/nowhere/token"), "{why}");
}

/// A server that demands certificates, and settings that name its CA.
fn with_tls(pki: &Pki) -> (NatsServer, JetStreamSettings) {
    let (certificate, key) = pki.files("server", &pki.server);
    let ca = pki.file("ca.pem", pki.root.pem());
    let server = NatsServer::start(&format!(
        "tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {ca:?}, verify: true }}"
    ));
    let mut settings = JetStreamSettings { ca_file: Some(ca), ..server.stream() };
    settings.servers[0].tls = true;
    settings.servers[0].host = "localhost".to_owned();
    (server, settings)
}

#[tokio::test]
async fn a_server_that_demands_a_certificate_gets_it() {
    let pki = Pki::new();
    let (_server, settings) = with_tls(&pki);
    let certificate = Some(pki.files("client", &pki.client));
    connects(&JetStreamSettings { client_certificate: certificate, ..settings.clone() }).await;
    assert!(inspect(&settings, false).await.is_err(), "without a certificate");
}

#[tokio::test]
async fn a_server_with_the_certificate_of_another_ca_is_not_trusted() {
    let pki = Pki::new();
    let (_server, settings) = with_tls(&pki);
    let other = Pki::new();
    let ca_file = Some(other.file("other.pem", other.root.pem()));
    let why = inspect(&JetStreamSettings { ca_file, ..settings }, false).await.unwrap_err();
    assert!(why.contains("TLS has failed"), "{why}");
}

#[tokio::test]
async fn no_server_is_told_with_its_address() {
    let port = crate::support::unused_port();
    let settings = JetStreamSettings {
        servers: vec![format!("nats://{}", port.address()).parse().unwrap()],
        ..NatsServer::shared().stream()
    };
    let why = inspect(&settings, false).await.unwrap_err();
    assert_eq!(why, format!("nats://{}: connection refused", port.address()));
}

#[tokio::test]
async fn a_stream_is_found_with_its_replicas() {
    let settings = NatsServer::shared().stream();
    let (server, name) = (NatsServer::shared(), settings.name.clone());
    tokio::task::spawn_blocking(move || server.make_stream(&name)).await.unwrap();

    let Inspection { stream, .. } = inspect(&settings, false).await.unwrap();

    let expected = FoundStream { replicas: 1, current: 1, behind: Vec::new() };
    assert_eq!(stream, Ok(Some(expected)));
}

#[tokio::test]
async fn an_account_without_jetstream_is_told() {
    let server = NatsServer::start("accounts { A: { users: [{ user: a, password: b }] } }");
    let pki = Pki::new();
    let credentials =
        NatsCredentials::UserPassword { user: "a".to_owned(), password_file: file(&pki, "b") };
    let inspection = inspect(&with(&server, credentials), false).await.unwrap();
    assert!(inspection.no_jetstream.is_some(), "{inspection:?}");
}
