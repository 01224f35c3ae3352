//! Client CAs that issue certificates to anybody.

use std::path::PathBuf;

use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use super::{command, config, found, refused, summary};
use crate::support::pki::{Pki, pem_block};
use crate::support::process::ClawgateCommand;

/// A bundle as a system has one, with one's own CA at its end.
fn bundle(pki: &Pki) -> PathBuf {
    let public = TLS_SERVER_ROOT_CERTS.iter().map(|der| pem_block("CERTIFICATE", der));
    pki.file("bundle.pem", public.collect::<String>() + &pki.root.pem())
}

const SAID: [&str; 3] = [
    "  --client-ca\n    ",
    "a public CA, which issues certificates to anybody, and no allow rule names the clients that may connect",
    "name the clients in clients.allow",
];

#[test]
fn a_bundle_of_public_cas_is_refused_unless_rules_name_the_clients() {
    let pki = Pki::new();
    let bundle = bundle(&pki);
    let with = |subcommand: &str, rules: &[(&str, &str)]| {
        let command = command(subcommand, &pki).arg("--client-ca", &bundle);
        rules.iter().fold(command, |command, (flag, rule)| command.arg(flag, *rule))
    };
    refused(with("check", &[]), &SAID);
    refused(with("run", &[]), &SAID);
    for open in [
        &[("--allow", "any")][..],
        &[("--allow", "issuer=\"CN=DigiCert Global G2 TLS,O=DigiCert Inc,C=US\"")],
        &[("--allow", "dns=*")],
        &[("--allow", "cn=a"), ("--audit", "true")],
        &[("--allow", "any"), ("--deny", "cn=a")],
    ] {
        refused(with("check", open), &SAID);
    }
    let pin = format!("fingerprint={}", pki.client.fingerprint());
    for named in [
        &[("--allow", "dns=connect.docusign.com")][..],
        &[(
            "--allow",
            "cn=a, issuer-spki=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        )],
        &[("--pin", &pin)],
    ] {
        // Some CAs of Mozilla's list may have expired, which is another matter.
        let checked = with("check", named).output();
        assert!(matches!(checked.code, Some(0 | 1)), "{checked:?}");
        let warnings = found("warning", &checked.stdout);
        let public = warnings
            .iter()
            .find(|warning| warning.starts_with("clients public_ca: "))
            .expect("a warning");
        assert!(public.contains("is a public CA, which issues certificates to anybody"), "{public}");
        assert!(public.ends_with("only the rules keep other clients out"), "{public}");
    }
}

#[test]
fn rules_of_every_route_name_the_clients_of_a_public_ca_and_those_of_some_do_not() {
    let pki = Pki::new();
    let ca = pki.file("public.pem", pem_block("CERTIFICATE", &TLS_SERVER_ROOT_CERTS[0]));
    let check = |routes: &str| {
        let file = config(&pki, "gate.toml", routes);
        ClawgateCommand::bare("check").arg("--config", file).arg("--client-ca", &ca)
    };
    let one = "[[route]]\npath = \"/a\"\nallow = [\"cn=a\"]\n";
    summary(check(one));
    refused(check(&format!("{one}[[route]]\npath = \"/b\"\n")), &SAID);
}

#[test]
fn a_reload_to_a_public_ca_is_refused() {
    let pki = Pki::new();
    let ca = pki.file("own.pem", pki.root.pem());
    let clawgate = command("run", &pki).arg("--client-ca", ca).arg("--watch", "false").start();
    pki.file("own.pem", pki.root.pem() + &pem_block("CERTIFICATE", &TLS_SERVER_ROOT_CERTS[0]));
    clawgate.signal("HUP");
    let failed = clawgate.event("reload_failed", 1);
    assert!(failed["detail"].as_str().unwrap().contains(SAID[1]), "{failed}");
}

/// Where this machine has one, as Debian does with its package ca-certificates.
#[test]
fn the_systems_own_bundle_is_refused() {
    let bundle = std::path::Path::new("/etc/ssl/certs/ca-certificates.crt");
    if bundle.exists() {
        refused(command("check", &Pki::new()).arg("--client-ca", bundle), &SAID);
    }
}
