//! The targets of the relay.

use std::net::SocketAddr;

use super::{Diagnosis, Setup, any, openclaw, says, secret};
use crate::support::backend::{Backend, Received};
use crate::support::pki::{Leaf, Pki};
use crate::support::{relay, unused_port};

/// An API that accepts this credential at `/v1/me`.
fn api(credential: &'static str) -> Backend {
    Backend::each(move |exchange, request: Received| {
        let status = match request.value("authorization") {
            Some(value) if value == credential => "204 No Content",
            _ => "401 Unauthorized",
        };
        exchange.answer(status, "text/plain", "");
    })
}

/// The report on a clawgate with a target at `url`, which has these keys; `@` is the test's folder.
fn examined(pki: &Pki, url: &str, keys: &str) -> Diagnosis {
    let setup = Setup::new(openclaw().url());
    // `setup` makes a PKI of its own; the target's is the caller's.
    setup.pki.file("target-ca.pem", pki.root.pem());
    secret(&setup.pki, "relay-token", "the-token-of-the-callers");
    secret(&setup.pki, "api-key", "s3cret");
    let folder = setup.pki.dir().display().to_string();
    let toml = format!(
        "[relay]\naddress = \"unix:@/relay.sock\"\ntoken_file = \"@/relay-token\"\n[[relay.target]]\nname = \"analytics\"\n\
         url = \"{url}/v1/events\"\ndelivery = \"wait\"\ntimeout = \"2s\"\n{keys}"
    );
    let config = setup.pki.file("clawgate.toml", toml.replace('@', &folder)).display().to_string();
    let setup = setup.with("--config", config);
    let clawgate = setup.command("run", any()).start();
    setup.examined(clawgate.address())
}

fn https(address: SocketAddr) -> String {
    format!("https://localhost:{}", address.port())
}

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
const PLAIN: &str = "allow_plain_http = true\nallow_private = [\"127.0.0.0/8\"]\n";
const TLS: &str = "ca = \"@/target-ca.pem\"\nallow_private = [\"127.0.0.0/8\", \"::1/128\"]\n";
const BEARER: &str = "auth = { bearer_file = \"@/api-key\" }\n";

#[test]
fn a_target_that_accepts_the_credential_is_good() {
    let pki = Pki::new();
    let api = api("Bearer s3cret");
    let secured = relay::tls(&Leaf::server().issued_by(&pki.root, &[]), api.address());

    let diagnosis = examined(&pki, &https(secured), &format!("{TLS}{BEARER}probe = \"/v1/me\""));

    diagnosis.all_good();
    says(&diagnosis.text("target/credential", "pass"), &["it is accepted: GET /v1/me"]);
    says(&diagnosis.text("target/dates", "pass"), &["valid until"]);
    let requests: Vec<_> = api.received().iter().map(|one| one.request_line().to_owned()).collect();
    assert_eq!(requests, ["GET /v1/me HTTP/1.1"]);
}

#[test]
fn a_certificate_that_ends_within_two_weeks_is_a_warning() {
    let pki = Pki::new();
    let leaf = Leaf::server().valid(-30 * DAY, 13 * DAY + HOUR).issued_by(&pki.root, &[]);
    let secured = relay::tls(&leaf, api("").address());

    let text = examined(&pki, &https(secured), TLS).only_warning("target/dates");

    says(&text, &["its certificate is valid until", "which is in 13 days", "tell those who run it"]);
}

#[test]
fn without_a_probe_nothing_is_asked() {
    let api = api("Bearer s3cret");

    let diagnosis = examined(&Pki::new(), &api.url(), &format!("{PLAIN}{BEARER}"));

    diagnosis.all_good();
    says(&diagnosis.text("target/credential", "skipped"), &["has no `probe`"]);
    assert_eq!(api.received().len(), 0);
}

#[test]
fn a_credential_that_is_refused_is_a_fault() {
    let api = api("Bearer another");

    let text = examined(&Pki::new(), &api.url(), &format!("{PLAIN}{BEARER}probe = \"/v1/me\""))
        .only_fault("target/credential");

    says(&text, &["GET /v1/me is answered with 401", "put a valid credential into the file"]);
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn a_name_whose_addresses_are_all_refused_is_a_fault() {
    let port = unused_port().address().port();
    // The resolver takes this for 127.0.0.1, but as a text it is no address.
    let url = format!("http://0x7f.1:{port}");

    let text = examined(&Pki::new(), &url, "allow_plain_http = true\n").only_fault("target/address");

    says(&text, &["which is not public", "allow_private"]);
}

#[test]
fn a_certificate_that_is_not_trusted_is_a_fault() {
    let other = Pki::new();
    let secured = relay::tls(&other.server, api("").address());

    let text = examined(&Pki::new(), &https(secured), TLS).only_fault("target/connect");

    says(&text, &["the TLS handshake fails", "name the CA of its certificate"]);
}

#[test]
fn a_target_that_cannot_be_reached_is_a_fault() {
    let url = format!("http://{}", unused_port().address());

    let text = examined(&Pki::new(), &url, PLAIN).only_fault("target/connect");

    says(&text, &["it cannot be called", "check the name in the target's `url`"]);
}

#[test]
fn an_oauth_server_that_refuses_the_client_is_a_fault() {
    let tokens = Backend::each(|exchange, _| {
        exchange.answer("401 Unauthorized", "application/json", r#"{"error":"invalid_client"}"#);
    });
    let auth = format!(
        "auth = {{ token_url = \"{}/token\", client_id = \"claw\", client_secret_file = \"@/api-key\" }}",
        tokens.url()
    );

    let text =
        examined(&Pki::new(), &api("").url(), &format!("{PLAIN}{auth}")).only_fault("target/token");

    says(&text, &["the token endpoint refuses: invalid_client", "check token_url, client_id"]);
}
