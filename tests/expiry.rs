//! Certificates, CAs and CRLs are logged before they expire.

use time::{Duration, OffsetDateTime};

use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{eventually, plain};

const DAY: i64 = 24 * 60 * 60;

/// The one line about what is of `kind`.
fn told(clawgate: &Clawgate, kind: &str) -> serde_json::Value {
    eventually("a line about an end", || {
        let of_kind = |line: &serde_json::Value| line["kind"] == kind;
        let mut lines: Vec<_> =
            clawgate.events("certificate_expiring").into_iter().filter(of_kind).collect();
        assert!(lines.len() < 2, "{lines:#?}");
        lines.pop()
    })
}

#[test]
fn clawgates_own_certificate_is_logged_before_it_expires() {
    let pki = Pki::new();
    let server = Leaf::server().valid(-95 * DAY, 5 * DAY - 60).issued_by(&pki.intermediate, &[]);
    let (certificate, key) = pki.files("soon", &server);
    let ca = pki.file("ca.pem", pki.root.pem());
    let clawgate = ClawgateCommand::bare("run")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", ca)
        .arg("--listen", "127.0.0.1:0")
        .arg("--admin", "off")
        .upstream("echo:")
        .start();

    let line = told(&clawgate, "server_certificate");

    assert_eq!((&line["level"], &line["days_left"]), (&"warn".into(), &4.into()));
    assert_eq!(line["mark"], server.fingerprint());
    assert!(line["detail"].as_str().unwrap().contains("expires in 4 days"), "{line}");
}

#[test]
fn what_has_expired_is_an_error() {
    let pki = Pki::new();
    let now = OffsetDateTime::now_utc();
    let mut params = Ca::params("Gone Root");
    (params.not_before, params.not_after) = (now - Duration::days(300), now - Duration::hours(36));
    let gone = Ca::root_of(params);
    let cas = pki.file("both.pem", format!("{}{}", pki.root.pem(), gone.pem()));

    let clawgate = ClawgateCommand::new(&pki).arg("--client-ca", cas).upstream("echo:").start();

    let line = told(&clawgate, "client_ca");
    assert_eq!((&line["level"], &line["days_left"]), (&"error".into(), &(-2).into()), "{line}");
    assert!(line["detail"].as_str().unwrap().contains("has expired"), "{line}");
}

#[test]
fn a_client_ca_is_logged_before_it_expires() {
    let pki = Pki::new();
    let now = OffsetDateTime::now_utc();
    let mut params = Ca::params("Old Root");
    (params.not_before, params.not_after) = (now - Duration::days(300), now + Duration::days(20));
    let soon = Ca::root_of(params);
    let cas = pki.file("both.pem", format!("{}{}", pki.root.pem(), soon.pem()));

    let clawgate = ClawgateCommand::new(&pki).arg("--client-ca", cas).upstream("echo:").start();

    let line = told(&clawgate, "client_ca");
    assert!(line["name"].as_str().unwrap().contains("CN=Old Root"), "{line}");
    assert!(line["hint"].as_str().unwrap().contains("successor"), "{line}");
}

#[test]
fn a_clients_certificate_is_logged_once_and_listed_with_the_soonest_to_expire() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let soon = pki.client(Leaf::client("soon").valid(-60 * DAY, 3 * DAY));
    let later = pki.client(Leaf::client("later").valid(-60 * DAY, 300 * DAY));

    for identity in [&later, &soon, &soon] {
        assert_eq!(
            Client::with_identity(&pki, &clawgate, identity).post("/hooks/wake", "{}").status,
            200
        );
    }

    let line = told(&clawgate, "client_certificate");
    assert_eq!(line["mark"], soon.fingerprint());
    let status = plain::get(clawgate.admin(), "/status").json();
    let listed = status["expiring_clients"].as_array().unwrap();
    let fingerprints: Vec<_> = listed.iter().map(|client| &client["fingerprint_sha256"]).collect();
    assert_eq!(fingerprints, [&soon.fingerprint(), &later.fingerprint()]);
}

#[test]
fn a_renewed_certificate_is_quiet_after_the_reload() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").start();
    let old =
        Leaf::server().valid(-95 * DAY, 5 * DAY).issued_by(&pki.intermediate, &[&pki.intermediate]);
    pki.files("server", &old);
    clawgate.event("reloaded", 1);
    assert_eq!(told(&clawgate, "server_certificate")["mark"], old.fingerprint());

    let new = Leaf::server().issued_by(&pki.intermediate, &[&pki.intermediate]);
    pki.files("server", &new);
    clawgate.event("reloaded", 2);

    assert_eq!(told(&clawgate, "server_certificate")["mark"], old.fingerprint());
}

#[test]
fn a_crl_is_logged_before_the_next_one_is_due() {
    let pki = Pki::new();
    let issued = OffsetDateTime::now_utc() - Duration::days(20);
    let crl = pki.intermediate.crl_with(&[], 6 * DAY - 60, |crl| crl.this_update = issued);
    let crl = pki.file("crl.der", crl);
    let clawgate = ClawgateCommand::new(&pki).arg("--crl", crl).upstream("echo:").start();

    let line = told(&clawgate, "crl");

    assert_eq!(line["mark"], "crl.der");
    assert!(line["detail"].as_str().unwrap().contains("expires in 5 days"), "{line}");
}

#[test]
fn the_certificate_that_upstreams_see_is_logged_before_it_expires_and_is_on_the_console() {
    let pki = Pki::new();
    let shown =
        Leaf::client("gate-1").valid(-95 * DAY, 5 * DAY - 60).issued_by(&Ca::root("Upstream"), &[]);
    let (certificate, key) = pki.files("onward", &shown);
    let clawgate = ClawgateCommand::new(&pki)
        .upstream("https://127.0.0.1:9")
        .arg("--upstream-ca", pki.file("upstream-ca.pem", pki.root.pem()))
        .arg("--upstream-cert", certificate)
        .arg("--upstream-key", key)
        .admin()
        .start();

    let line = told(&clawgate, "own_client_certificate");

    assert_eq!((&line["days_left"], &line["mark"]), (&4.into(), &shown.fingerprint().into()));
    let page = String::from_utf8(plain::get(clawgate.admin(), "/").body).unwrap();
    assert!(
        page.contains("The certificate that upstreams see (O=Example,CN=gate-1) expires in 4 days"),
        "{page}"
    );
}
