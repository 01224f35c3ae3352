use super::support::{Sources, assert_has, texts};

#[test]
fn lists_of_rules_and_pins_reach_their_place() {
    let pin = format!("spki={}", "ab".repeat(32));
    let toml = format!(
        "[clients]\nallow = [\"any\"]\ndeny = ['o=\"Other, Ltd\"']\naudit = true\npins = [\"{pin}\"]\n\
         [[route]]\npath = \"/a\"\nallow = [\"dns=*.example\"]\ndeny = [\"cn=a\", \"cn=b\"]\n\
         [[route]]\npath = \"/b\"\nallow = [\"cn=a\"]\naudit = true\n"
    );

    let settings = Sources::minimal().toml(&toml).settings();

    let clients = &settings.reloadable.clients_rules;
    assert_eq!(texts(clients.allow()), ["any"]);
    assert_eq!(texts(clients.deny()), ["o=\"Other, Ltd\""]);
    assert_eq!(texts(clients.pins()), [pin]);
    assert!(clients.is_audited());
    let [a, b] = &settings.reloadable.routes[..] else { panic!("{:?}", settings.reloadable.routes) };
    assert_eq!(texts(a.rules.deny()), ["cn=a", "cn=b"]);
    assert!(!a.rules.is_audited() && b.rules.is_audited());
}

#[test]
fn flags_and_environment_have_them_too() {
    let hash = "ab".repeat(32);
    let sources = Sources::minimal()
        .env("CLAWGATE_DENY", "cn=a, o=x; cn=b")
        .env("CLAWGATE_PINS", format!("spki={hash}, fingerprint={hash}"))
        .flag("--allow", "any")
        .flag("--audit", "true");

    let rules = sources.settings().reloadable.clients_rules;

    assert_eq!(texts(rules.deny()), ["cn=a, o=x", "cn=b"]);
    assert_eq!(rules.pins().len(), 2);
    assert!(rules.is_audited());
}

#[test]
fn to_deny_some_without_allowing_anybody_is_a_mistake() {
    let problem = Sources::minimal().toml("clients.deny = [\"cn=a\"]").problem();
    assert_has(
        &problem,
        &[
            "gate.toml:1: clients.deny",
            "no client would be admitted",
            "allow = [\"any\"]",
            "--allow any",
        ],
    );
    let route = "[[route]]\npath = \"/a\"\ndeny = \"cn=a\"";
    let problem = Sources::minimal().toml(route).problem();
    assert_has(&problem, &["gate.toml:3: route.deny", "allow = [\"any\"] to [route]"]);
    let denies_all = Sources::minimal().flag("--allow", "any").flag("--deny", "any").problem();
    assert_has(&denies_all, &["--deny", "denies all clients"]);
}

#[test]
fn a_mistake_in_a_rule_is_reported_once_with_its_hint() {
    let problem = Sources::minimal().toml("[clients]\nallow = [\"cn\"]\ndeny = [\"cn=a\"]").problem();
    assert_has(
        &problem,
        &["gate.toml:2: clients.allow", "not of the form `name=value`", "double quotes"],
    );
    for (pin, part) in [("cn=a", "`cn=a` is no pin"), ("spki=12", "64 hex digits")] {
        assert_has(&Sources::minimal().flag("--pin", pin).problem(), &["--pin", part, "openssl x509"]);
    }
}

#[test]
fn rules_in_audit_mode_are_announced() {
    let settings = Sources::minimal().flag("--allow", "cn=a").flag("--audit", "true");
    assert_has(&settings.warnings()[0], &["--audit", "AUDIT ONLY", "would_refuse", "set it to false"]);
    assert_has(
        &settings.settings().summary(),
        &["clients        [cn=a]", "AUDIT ONLY: clients that these rules would refuse are admitted"],
    );
    let unused = Sources::minimal().flag("--audit", "true");
    assert_has(&unused.warnings()[0], &["--audit", "has no effect"]);
    assert!(!unused.settings().summary().contains("AUDIT"));
    let any = Sources::minimal().flag("--allow", "any").flag("--allow", "cn=a");
    assert_has(&any.warnings()[0], &["--allow", "the other rules of the list have no effect"]);
}

#[test]
fn a_long_list_is_summed_up() {
    let rules: Vec<_> = (0..10_000).map(|number| format!("\"cn=client-{number}\"")).collect();
    let settings =
        Sources::minimal().toml(&format!("clients.allow = [{}]", rules.join(", "))).settings();
    assert_has(&settings.summary(), &["[cn=client-7] or 9992 more\n"]);
}
