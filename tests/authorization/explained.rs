//! How `clawgate explain` shows each rule.

use serde_json::{Value, json};

use super::says;
use crate::support::pki::{Ca, Identity, Leaf, Pki};
use crate::support::process::ClawgateCommand;

fn command(pki: &Pki, toml: &str, identity: &Identity) -> ClawgateCommand {
    let (certificate, key) = pki.files("server", &pki.server);
    ClawgateCommand::bare("explain")
        .arg("--cert", certificate)
        .arg("--key", key)
        .arg("--client-ca", pki.file("ca.pem", pki.root.pem()))
        .arg("--config", pki.file("gate.toml", toml))
        .word(pki.files("client", identity).0)
}

fn explain(pki: &Pki, toml: &str, identity: &Identity) -> Value {
    let output = command(pki, toml, identity).word("--json").output();
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn each_line_matches_or_says_what_the_certificate_has_instead() {
    let pki = Pki::new();
    let pin = format!("fingerprint={}", "00".repeat(32));
    let own = format!("fingerprint={}", pki.client.fingerprint());
    let toml = format!(
        "[clients]\nallow = [\"cn=notes, uri=spiffe://x/*\", \"dns=*.example\"]\ndeny = [\"ou=a\"]\n\
         pins = [\"{pin}\", \"{own}\"]\n"
    );

    let explained = explain(&pki, &toml, &pki.client);

    assert_eq!(explained["verdict"], "admitted");
    let misses = |wanted: &str, found: &str| json!([{ "wanted": wanted, "found": found }]);
    let line = |number: usize, rule: &str, misses: Value| json!({ "number": number, "rule": rule, "matches": false, "misses": misses });
    let matching =
        |number: usize, rule: &str| json!({ "number": number, "rule": rule, "matches": true });
    let has = format!("it has {own}");
    let expected = json!([
        { "list": "clients.deny", "total": 1, "matching": 0, "lines": [
            line(1, "ou=a", misses("ou=a", "it has no ou")),
        ]},
        { "list": "clients.allow", "total": 2, "matching": 1, "lines": [
            line(1, "cn=notes, uri=spiffe://x/*", misses("uri=spiffe://x/*", "it has no uri")),
            matching(2, "dns=*.example"),
        ]},
        { "list": "clients.pins", "total": 2, "matching": 1, "lines": [
            line(1, &pin, misses(&pin, &has)),
            matching(2, &own),
        ]},
    ]);
    assert_eq!(explained["rules"], expected);
}

#[test]
fn of_a_long_list_the_matching_lines_are_shown_and_the_others_counted() {
    let pki = Pki::new();
    let rules: Vec<_> = (0..10_000).map(|number| format!("\"cn=client-{number}\"")).collect();
    let toml = format!("clients.allow = [{},\"cn=notes\"]\n", rules.join(","));

    let output = command(&pki, &toml, &pki.client).output();

    assert_eq!(output.code, Some(0), "{output:?}");
    let lines: Vec<_> = output.stdout.lines().filter(|line| line.contains("clients.allow ")).collect();
    assert_eq!(lines, ["    match clients.allow 10001: cn=notes"], "{}", output.stdout);
    assert!(
        output.stdout.contains("    …     clients.allow: 10000 more, none of which match\n"),
        "{}",
        output.stdout
    );
}

#[test]
fn each_route_has_its_rules_explained() {
    let pki = Pki::new();
    let toml = "[[route]]\npath = \"/a\"\nallow = [\"any\"]\ndeny = [\"cn=notes\"]\n\
                [[route]]\npath = \"/b\"\nallow = [\"cn=calls\"]\naudit = true\n\
                [[route]]\npath = \"/c\"\n";

    let explained = explain(&pki, toml, &pki.client);

    let [a, b, c] = &explained["routes"].as_array().unwrap()[..] else { panic!("{explained}") };
    assert_eq!(
        (&a["may_use"], &b["may_use"], &c["may_use"]),
        (&json!(false), &json!(true), &json!(true))
    );
    says(a, "detail", &["the rule [cn=notes] of route.deny matches it"]);
    assert_eq!(a["rules"][0]["list"], "route.deny");
    assert_eq!(a["rules"][1]["lines"][0]["matches"], true);
    says(b, "detail", &["AUDIT ONLY, else refused: no rule of route.allow matches it"]);
    assert_eq!(b["rules"][0]["lines"][0]["misses"][0]["found"], "it has cn=notes");
    assert!(c.get("rules").is_none(), "{c}");
}

#[test]
fn a_denied_and_an_unpinned_client_get_their_own_reasons() {
    let pki = Pki::new();
    let calls = pki.client(Leaf::client("calls"));
    let allow = |explained: &Value| {
        let checks = explained["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == "allow").unwrap().clone()
    };

    let denied = explain(&pki, "[clients]\nallow = [\"any\"]\ndeny = [\"cn=ca*\"]\n", &calls);
    assert_eq!(
        (&denied["verdict"], &denied["reason"]),
        (&json!("refused"), &json!("client_not_allowed"))
    );
    says(&allow(&denied), "detail", &["the rule [cn=ca*] of clients.deny matches it"]);
    let pins = format!("clients.pins = [\"spki={}\"]\n", "00".repeat(32));
    let unpinned = explain(&pki, &pins, &calls);
    assert_eq!(unpinned["reason"], "client_not_allowed");
    says(&allow(&unpinned), "hint", &[&calls.fingerprint(), "--pin"]);
    let audited = explain(&pki, "[clients]\nallow = [\"cn=x\"]\naudit = true\n", &calls);
    assert_eq!(audited["verdict"], "admitted");
    assert_eq!(allow(&audited)["severity"], "note");
    says(&allow(&audited), "detail", &["AUDIT ONLY, else refused: no rule of clients.allow"]);
}

#[test]
fn an_issuer_that_did_not_sign_is_not_taken_for_the_one_that_did() {
    let pki = Pki::new();
    let forged = Leaf::client("x").issued_by(&Ca::root("Test Root"), &[]);

    let explained = explain(&pki, "", &forged);

    assert_eq!(explained["reason"], "client_cert_wrong_ca_key");
    assert_eq!(explained["issuer_spki_sha256"], json!([]));
}
