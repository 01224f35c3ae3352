//! Faults in the files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{Setup, any, openclaw, says, secret};
use crate::support::pki::{Ca, Leaf, Pki};

const DAY: i64 = 86_400;

/// Examines a clawgate that is never started, but for what is wrong with its files.
fn with_server(change: impl FnOnce(&Pki) -> crate::support::pki::Identity) -> (Setup, super::Clawgate) {
    let mut setup = Setup::new("echo:");
    setup.pki.server = change(&setup.pki);
    let clawgate = setup.clawgate();
    (setup, clawgate)
}

#[test]
fn an_expired_certificate_is_a_fault() {
    let (setup, clawgate) = with_server(|pki| {
        Leaf::server().valid(-20 * DAY, -DAY).issued_by(&pki.intermediate, &[&pki.intermediate])
    });

    let diagnosis = setup.examined(clawgate.address());

    assert_eq!(diagnosis.all("fail"), ["certificate/dates"], "{diagnosis:#?}");
    says(&diagnosis.text("certificate/dates", "fail"), &["has expired", "24 hours ago", "renew"]);
}

#[test]
fn a_certificate_that_is_about_to_expire_is_a_warning() {
    let (setup, clawgate) = with_server(|pki| {
        Leaf::server()
            .valid(-80 * DAY, 10 * DAY + 3600)
            .issued_by(&pki.intermediate, &[&pki.intermediate])
    });

    let text = setup.examined(clawgate.address()).only_warning("certificate/dates");

    says(&text, &["10 days left"]);
}

#[test]
fn a_short_lived_certificate_in_the_first_part_of_its_life_is_good() {
    let (setup, clawgate) = with_server(|pki| {
        Leaf::server().valid(-3600, 20 * 3600).issued_by(&pki.intermediate, &[&pki.intermediate])
    });

    setup.examined(clawgate.address()).all_good();
}

#[test]
fn a_clock_that_is_behind_is_recognised_by_the_certificates() {
    let (setup, clawgate) = with_server(|pki| {
        Leaf::server().valid(3600, 20 * DAY).issued_by(&pki.intermediate, &[&pki.intermediate])
    });

    let diagnosis = setup.examined(clawgate.address());

    says(
        &diagnosis.text("machine/clock", "fail"),
        &["before a certificate becomes valid", "timedatectl"],
    );
}

#[test]
fn an_intermediate_that_is_not_sent_is_a_fault() {
    let mut setup = Setup::new("echo:");
    setup.pki.server = Leaf::server().issued_by(&setup.pki.intermediate, &[]);
    let bundle = setup.pki.root.pem() + &setup.pki.intermediate.pem();
    let bundle = setup.pki.file("bundle.pem", bundle).display().to_string();
    let setup = setup.with("--client-ca", bundle);
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("certificate/chain");

    says(
        &text,
        &[
            "lacks the intermediate CN=Test Intermediate",
            "append the certificate of CN=Test Intermediate",
        ],
    );
}

#[test]
fn a_chain_in_the_wrong_order_is_a_warning() {
    let (setup, clawgate) = with_server(|pki| {
        let other = pki.root.intermediate("Other");
        Leaf::server().issued_by(&pki.intermediate, &[&other, &pki.intermediate])
    });

    let text = setup.examined(clawgate.address()).only_warning("certificate/order");

    says(&text, &["not issued by CN=Other", "move certificate 3 to the place of certificate 2"]);
}

#[test]
fn a_key_that_everybody_can_read_is_a_fault() {
    let setup = Setup::new("echo:");
    let clawgate = setup.clawgate();
    let (certificate, key) = setup.pki.files("server", &setup.pki.server);
    fs::set_permissions(setup.pki.dir(), PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();

    let command = setup.command_with("doctor", clawgate.address(), &certificate, &key);
    let text = super::Diagnosis::of(command).only_fault("files/readable");

    says(&text, &["every user (mode 644)", "chmod o-r"]);
}

#[test]
fn a_ca_file_that_everybody_can_change_is_a_fault() {
    let mut setup = Setup::new("echo:");
    let ca = setup.pki.file("open-ca.pem", setup.pki.root.pem());
    fs::set_permissions(setup.pki.dir(), PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(&ca, PermissionsExt::from_mode(0o666)).unwrap();
    setup.more.push(("--client-ca", ca.display().to_string()));
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("files/writable");

    says(&text, &["can be changed by every user", "chmod o-w"]);
}

#[test]
fn an_expired_ca_in_the_bundle_is_a_fault() {
    let setup = Setup::new("echo:");
    let mut params = Ca::params("Old Root");
    params.not_before = time::OffsetDateTime::now_utc() - time::Duration::days(20);
    params.not_after = time::OffsetDateTime::now_utc() - time::Duration::days(1);
    let bundle = setup.pki.root.pem() + &Ca::root_of(params).pem();
    let bundle = setup.pki.file("bundle.pem", bundle).display().to_string();
    let setup = setup.with("--client-ca", bundle);
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("clients/ca");

    says(&text, &["CN=Old Root has expired"]);
}

#[test]
fn a_ca_with_a_short_rsa_key_is_a_fault() {
    let setup = Setup::new("echo:");
    let (ca, key) = (setup.pki.dir().join("weak.pem"), setup.pki.dir().join("weak.key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=Weak Root", "-days", "90"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&ca)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let bundle = setup.pki.root.pem() + &fs::read_to_string(&ca).unwrap();
    let bundle = setup.pki.file("bundle.pem", bundle).display().to_string();
    let setup = setup.with("--client-ca", bundle);
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("clients/ca");

    says(&text, &["CN=Weak Root: its RSA key has 1024 bits"]);
}

#[test]
fn a_public_ca_without_an_allow_rule_is_a_fault() {
    let setup = Setup::new("echo:");
    let roots = setup.pki.file("system.pem", setup.pki.root.pem());
    let clawgate = setup.clawgate();

    let open = setup.command("doctor", clawgate.address()).env("SSL_CERT_FILE", &roots);
    let narrow = setup
        .command("doctor", clawgate.address())
        .env("SSL_CERT_FILE", &roots)
        .arg("--allow", "cn=notes");

    let text = super::Diagnosis::of(open).only_fault("clients/public_ca");
    says(&text, &["CN=Test Root", "everyone with a certificate of this CA is admitted"]);
    super::Diagnosis::of(narrow).only_warning("clients/public_ca");
}

#[test]
fn a_crl_that_is_due_soon_is_a_warning() {
    let setup = Setup::new("echo:");
    let crl = setup.pki.file("crl.pem", setup.pki.root.crl(&[], 600)).display().to_string();
    let setup = setup.with("--crl", crl);
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_warning("clients/crl");

    says(&text, &["that of CN=Test Root is due at", "a new CRL is fetched"]);
}

#[test]
fn a_token_from_an_example_is_a_fault_and_is_not_quoted() {
    let mut setup = Setup::new("echo:");
    setup.token = secret(&setup.pki, "placeholder", "hook-token");
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_fault("token/guessable");

    says(&text, &["a placeholder", "openssl rand -hex 32"]);
    assert!(!text.contains("hook-token\n"), "{text}");
}

#[test]
fn one_token_for_two_upstreams_is_a_warning() {
    let (one, other) = (openclaw(), openclaw());
    let setup = Setup::new(one.url());
    let token = setup.token.display();
    let config = setup.pki.file(
        "gate.toml",
        format!(
            "[[route]]\npath = \"/hooks/\"\n[[route]]\npath = \"/hooks/wake\"\nupstream = \"{}\"\ntoken_file = \"{token}\"\n",
            other.url()
        ),
    );
    let config = config.display().to_string();
    let setup = setup.with("--config", config);
    let clawgate = setup.command("run", any()).start();

    let text = setup.examined(clawgate.address()).only_warning("token/reuse");

    says(&text, &[&one.url(), &other.url(), "a token of its own"]);
}

#[test]
fn rules_in_audit_mode_are_a_warning() {
    let setup = Setup::new("echo:").with("--allow", "cn=notes").with("--audit", "true");
    let clawgate = setup.clawgate();

    let text = setup.examined(clawgate.address()).only_warning("settings/load");

    says(&text, &["AUDIT ONLY", "would_refuse", "set it to false"]);
}
