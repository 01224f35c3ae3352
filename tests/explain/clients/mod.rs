//! The file of a client's certificate.

mod settings;

use rcgen::CertificateParams;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{DAY, check, command, json, says};
use crate::support::pki::{Ca, Leaf, Pki, pem_block};
use crate::support::process::ClawgateCommand;

#[test]
fn for_machines_it_is_one_object() {
    let pki = Pki::new();
    let (file, key) = pki.files("client", &pki.client);

    let explained = json(command(&pki).arg("--client-key", &key), &file);

    assert_eq!(explained["file"], file.to_str().unwrap());
    assert_eq!(explained["verdict"], "admitted");
    assert!(explained["reason"].is_null() && explained.get("hint").is_none(), "{explained}");
    assert_eq!(explained["certificate"]["fingerprint_sha256"], pki.client.fingerprint());
    assert_eq!(explained["certificate"]["version"], 3);
    assert_eq!(explained["certificate"]["key_usage"], json!(["digitalSignature"]));
    assert!(explained["certificate"]["days_left"].as_i64().unwrap() > 1000, "{explained}");
    assert_eq!(explained["anchored"], true);
    assert_eq!(explained["chain"][2]["subject"], "CN=Test Root");
    assert_eq!(explained["chain"][2]["from"], "configured");
    let route = json!({
        "path": "/hooks/",
        "methods": "POST",
        "may_use": true,
        "detail": "open to every client that is admitted",
    });
    assert_eq!(explained["routes"], json!([route]));
    let names: Vec<_> = explained["checks"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    let expected = [
        "readable",
        "version",
        "not_a_ca",
        "key",
        "signature",
        "chain",
        "pinned",
        "dates",
        "chain_dates",
        "purpose",
        "revocation",
        "denylist",
        "allow",
        "key_fits",
    ];
    assert_eq!(names, expected);
    assert_eq!(check(&explained, "key_fits")["severity"], "pass");
    assert_eq!(check(&explained, "revocation")["severity"], "note");
}

#[test]
fn a_client_is_admitted_until_the_first_certificate_of_its_chain_ends() {
    let pki = Pki::new();
    let until = |days: i64, mut params: CertificateParams| {
        params.not_after = OffsetDateTime::now_utc() + Duration::days(days);
        params
    };
    // Days that the client's certificate, its issuer's and the configured CA's have left; and whose end is first.
    for (leaf, issuer, ca, first) in [(10, 20, 30, 0), (20, 10, 30, 1), (30, 20, 10, 2)] {
        let root = Ca::root_of(until(ca, Ca::params("Root")));
        let issuing = root.intermediate_of(until(issuer, Ca::params("Issuing")));
        let client = Leaf::client("notes").valid(-DAY, leaf * DAY).issued_by(&issuing, &[&issuing]);
        let (certificate, key) = pki.files("server", &pki.server);
        let bundle = pki.file("root.pem", root.pem());
        let bare = ClawgateCommand::bare("explain").arg("--cert", certificate).arg("--key", key);

        let explained = json(bare.arg("--client-ca", bundle), &pki.files("client", &client).0);

        assert_eq!(explained["admitted_until"], explained["chain"][first]["not_after"], "{explained}");
    }
}

#[test]
fn another_time_gives_another_verdict() {
    let pki = Pki::new();
    let (file, _) = pki.files("client", &pki.client(Leaf::client("brief").valid(-DAY, 9 * DAY)));
    let (old, _) = pki.files("old", &pki.client(Leaf::client("old").valid(-900 * DAY, -DAY)));

    let now = json(command(&pki), &file);
    let later = json(command(&pki).arg("--at", "2999-01-01T00:00:00Z"), &file);
    let before = json(command(&pki).arg("--at", "1999-01-01T00:00:00Z"), &file);

    assert_eq!(now["verdict"], "admitted");
    assert_eq!(later["reason"], "client_cert_expired");
    assert_eq!(later["at"], "2999-01-01T00:00:00Z");
    assert!(later["certificate"]["days_left"].as_i64().unwrap() < -300_000, "{later}");
    assert_eq!(before["reason"], "client_cert_not_yet_valid");
    assert_eq!(json(command(&pki), &old)["reason"], "client_cert_expired");
    let then = json(command(&pki).arg("--at", "2025-11-01T00:00:00Z"), &old);
    assert_eq!(then["verdict"], "admitted", "{then}");
    assert!(then["certificate"]["days_left"].as_i64().unwrap() >= 0, "{then}");
}

#[test]
fn after_every_ca_has_expired_nobody_is_admitted() {
    let pki = Pki::new();
    let mut params = Ca::params("Brief Root");
    params.not_after = OffsetDateTime::now_utc() + Duration::days(5);
    let brief = Ca::root_of(params);
    let (file, _) = pki.files("client", &Leaf::client("notes").issued_by(&brief, &[]));
    let (certificate, key) = pki.files("server", &pki.server);
    let bundle = pki.file("brief.pem", brief.pem());
    let command = || {
        let bare = ClawgateCommand::bare("explain").arg("--cert", &certificate).arg("--key", &key);
        bare.arg("--client-ca", &bundle)
    };

    assert_eq!(json(command(), &file)["verdict"], "admitted");
    let later = json(command().arg("--at", "3999-01-01T00:00:00Z"), &file);

    assert_eq!(later["reason"], "client_chain_expired", "{later}");
    says(check(&later, "chain_dates")["detail"].as_str().unwrap(), &["CN=Brief Root expired"]);
}

#[test]
fn the_key_of_another_certificate_does_not_fit() {
    let pki = Pki::new();
    let (file, _) = pki.files("client", &pki.client);
    let (_, other) = pki.files("other", &pki.client(Leaf::client("other")));

    let explained = json(command(&pki).arg("--client-key", other), &file);

    assert_eq!(explained["reason"], "client_key_mismatch");
    let check = check(&explained, "key_fits");
    assert_eq!(check["severity"], "fail");
    says(check["hint"].as_str().unwrap(), &["openssl pkey"]);
}

#[test]
fn a_key_that_does_not_fit_is_reported_besides_the_first_problem() {
    let pki = Pki::new();
    let (file, _) = pki.files("client", &pki.client(Leaf::client("late").valid(-9 * DAY, -DAY)));
    let (_, other) = pki.files("other", &pki.client(Leaf::client("other")));

    let explained = json(command(&pki).arg("--client-key", other), &file);

    assert_eq!(explained["reason"], "client_cert_expired");
    assert_eq!(check(&explained, "key_fits")["reason"], "client_key_mismatch");
}

#[test]
fn each_route_says_whether_this_client_may_use_it() {
    let pki = Pki::new();
    let (file, _) = pki.files("client", &pki.client);
    let (certificate, key) = pki.files("server", &pki.server);
    let ca = pki.file("ca.pem", pki.root.pem());
    let config = format!(
        "tls.certificate = {certificate:?}\ntls.private_key = {key:?}\n\
         clients.ca = {ca:?}\nclients.allow = [\"cn=other\", \"dns=notes.example\"]\n\
         [[route]]\npath = \"/hooks/wake\"\n\
         [[route]]\npath = \"/hooks/mine\"\nallow = [\"cn=notes\"]\nmethods = [\"POST\", \"PUT\"]\n\
         [[route]]\npath = \"/hooks/theirs/\"\nallow = [\"cn=other\"]\n"
    );
    let config = pki.file("gate.toml", config);

    let explained = json(ClawgateCommand::bare("explain").env("CLAWGATE_CONFIG", config), &file);

    let routes = explained["routes"].as_array().unwrap();
    let said: Vec<_> = routes
        .iter()
        .map(|route| (route["path"].as_str().unwrap(), route["may_use"].as_bool().unwrap()))
        .collect();
    assert_eq!(said, [("/hooks/wake", true), ("/hooks/mine", true), ("/hooks/theirs/", false)]);
    assert_eq!(routes[1]["methods"], "POST, PUT");
    says(routes[1]["detail"].as_str().unwrap(), &["[cn=notes]"]);
    says(routes[2]["detail"].as_str().unwrap(), &["no rule of route.allow", "[cn=other]"]);
    says(check(&explained, "allow")["detail"].as_str().unwrap(), &["[dns=notes.example]"]);
}

#[test]
fn whether_and_how_freshly_it_was_looked_up_is_said_of_the_crl() {
    let pki = Pki::new();
    let (file, _) = pki.files("client", &pki.client(Leaf::client("fine").serial(1)));
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[0x1234], 3600));

    let explained = json(command(&pki).arg("--crl", &crl), &file);

    let revocation = check(&explained, "revocation");
    assert_eq!(revocation["severity"], "pass");
    let parts = ["not on the CRL of CN=Test Intermediate (issued at 20", "no CRL of CN=Test Root"];
    says(revocation["detail"].as_str().unwrap(), &[parts[0], ", next one due at 20", parts[1]]);
    let later = json(command(&pki).arg("--crl", &crl).arg("--at", "2999-01-01T00:00:00Z"), &file);
    assert_eq!(later["reason"], "crl_expired");
}

#[test]
fn a_file_that_is_of_no_use_is_named_with_what_to_do() {
    let pki = Pki::new();
    let key = pki.files("client", &pki.client).1;
    for (file, parts) in [
        (
            pki.dir().join("absent.pem"),
            &["absent.pem: cannot be read: No such file", "check the path"][..],
        ),
        (
            key,
            &["client.key: has no certificate: it has a private key", "followed by its intermediates"],
        ),
        (pki.file("x.p7", b"\x30\x04\x06\x02\x2a\x03"), &["x.p7: is PKCS #7 (CMS)", "openssl pkcs7"]),
        (pki.file("torn.pem", "-----BEGIN CERTIFICATE-----\nAAAA"), &["torn.pem: is broken PEM"]),
        (pki.dir().to_owned(), &["cannot be read: Is a directory"]),
    ] {
        let output = command(&pki).word(&file).output();

        assert_eq!(output.code, Some(1), "{output:?}");
        assert_eq!(output.stdout, "");
        says(&output.stderr, parts);
        says(&output.stderr, &["clawgate: ", "\n  hint: "]);
    }
}

#[test]
fn a_certificate_that_is_no_x509_is_a_verdict_and_not_an_error() {
    let pki = Pki::new();
    let file = pki.file("x.pem", pem_block("CERTIFICATE", b"not a certificate"));

    let explained = json(command(&pki), &file);
    assert_eq!(explained["reason"], "client_cert_malformed");
    assert!(explained["certificate"].is_null(), "{explained}");
    assert_eq!(check(&explained, "readable")["severity"], "fail");
    assert_eq!(check(&explained, "dates")["severity"], "skipped");

    let output = command(&pki).word(&file).output();
    says(&output.stdout, &["the certificate cannot be read", "refused: client_cert_malformed"]);
}

#[test]
fn wrong_settings_are_reported_as_by_check() {
    let pki = Pki::new();
    let (file, _) = pki.files("client", &pki.client);

    let output = command(&pki).arg("--crl", "absent.crl").word(&file).output();

    assert_eq!(output.code, Some(78), "{output:?}");
    assert_eq!(output.stdout, "");
    says(&output.stderr, &["1 problem in the settings", "--crl", "absent.crl", "hint: "]);
}

#[test]
fn flags_that_make_no_sense_are_mistakes_in_the_usage() {
    let pki = Pki::new();
    let (file, key) = pki.files("client", &pki.client);
    let bare = || ClawgateCommand::bare("explain");
    for (command, part) in [
        (bare().word("http://localhost/"), "only https://"),
        (bare().word(&file).arg("--at", "tomorrow"), "2027-01-01T00:00:00Z"),
        (bare().word(&file).arg("--client-cert", &file).arg("--client-key", &key), "for servers"),
        (bare().word(&file).arg("--client-cert", &file), "--client-key"),
        (bare().word("localhost:1").arg("--client-key", &key), "give --client-cert too"),
        (bare(), "<TARGET>"),
    ] {
        let output = command.output();
        assert_eq!(output.code, Some(2), "{output:?}");
        says(&output.stderr, &[part, "try '--help'"]);
    }
}

#[test]
fn a_pinned_client_needs_no_ca_and_the_checks_say_so() {
    let pki = Pki::new();
    let pinned = Leaf::client("lone").self_signed();
    let command = command(&pki).arg("--pinned", pinned.fingerprint());
    let explained = json(command, &pki.files("client", &pinned).0);

    assert_eq!(explained["verdict"], "admitted");
    assert_eq!((&explained["pinned"], &explained["anchored"]), (&true.into(), &false.into()));
    says(check(&explained, "pinned")["detail"].as_str().unwrap(), &["clients.pinned"]);
    assert_eq!(check(&explained, "pinned")["severity"], "pass");
    for name in ["chain", "revocation"] {
        assert_eq!(check(&explained, name)["severity"], "skipped", "{name}: {explained}");
    }
}

#[test]
fn a_denied_client_fails_its_own_check_and_not_that_of_revocation() {
    let pki = Pki::new();
    let denied = pki.client(Leaf::client("denied"));
    let list = pki.file("denied", format!("fingerprint={} # why\n", denied.fingerprint()));
    let crl = pki.file("crl.pem", pki.intermediate.crl(&[], 3600));
    let settings = |file: std::path::PathBuf| {
        json(command(&pki).arg("--denylist", &list).arg("--crl", &crl), &file)
    };
    let explained = settings(pki.files("client", &denied).0);

    assert_eq!(explained["reason"], "client_cert_revoked");
    assert_eq!(check(&explained, "denylist")["severity"], "fail");
    says(check(&explained, "denylist")["detail"].as_str().unwrap(), &["line 1 of", "(why)"]);
    assert_eq!(check(&explained, "revocation")["severity"], "pass", "{explained}");

    let explained = settings(pki.files("client", &pki.client).0);
    assert_eq!(check(&explained, "denylist")["severity"], "pass");
    says(check(&explained, "denylist")["detail"].as_str().unwrap(), &["none of the 1"]);
}

#[test]
fn what_a_list_says_is_in_the_check_of_revocation() {
    let pki = Pki::new();
    let of = |next| pki.file("crl.pem", pki.intermediate.crl(&[], next));
    let explain = |next, policy: &str| {
        let command = command(&pki).arg("--crl", of(next)).arg("--crl-policy", policy);
        json(command, &pki.files("client", &pki.client).0)
    };
    let said = |explained: &serde_json::Value, result: &str, parts: &[&str]| {
        let check = check(explained, "revocation");
        assert_eq!(check["severity"], result, "{explained}");
        says(check["detail"].as_str().unwrap(), parts);
    };

    let good = ["not on the CRL of CN=Test Intermediate", "no CRL of CN=Test Root is configured"];
    said(&explain(3600, "if-present"), "pass", &good);
    said(&explain(-60, "if-present"), "fail", &["CN=Test Intermediate", "is out of date"]);
    said(&explain(3600, "strict"), "fail", &["issued by CN=Test Root, for which there is no CRL"]);
}
