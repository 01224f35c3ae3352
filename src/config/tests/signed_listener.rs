//! Listeners without client certificates, and what routes ask of their clients.

use std::fs;

use super::support::{Sources, assert_has, texts};
use crate::policy::Authenticate;

fn toml(content: &str) -> Sources {
    Sources::minimal().toml(content)
}

/// One route with these keys, and an address for clients without a certificate.
fn route(keys: &str) -> Sources {
    let sources =
        toml(&format!("listen.signed_address = \"127.0.0.1:8445\"\n[[route]]\npath = \"/a\"\n{keys}"));
    sources.file("secret", "0123456789abcdef0123456789abcdef")
}

/// `[route.verify]`, whose secret is in a file of the test's folder.
fn verify(sources: &Sources) -> String {
    format!("[route.verify]\nscheme = \"github\"\nsecret_file = {:?}", sources.path("secret"))
}

#[test]
fn with_addresses_for_signed_requests_there_need_be_no_other() {
    let startup = toml("listen.signed_address = [\"127.0.0.1:1\", \"[::1]:1\"]").settings().startup;
    assert_eq!(texts(&startup.listen_signed), ["127.0.0.1:1", "[::1]:1"]);
    assert!(startup.listen.is_empty());

    let both = Sources::minimal().env("CLAWGATE_LISTEN_SIGNED", "127.0.0.1:1");
    let startup = both.flag("--listen", "127.0.0.1:2").settings().startup;
    assert_eq!(texts(&startup.listen), ["127.0.0.1:2"]);
    assert_eq!(texts(&startup.listen_signed), ["127.0.0.1:1"]);
}

#[test]
fn an_address_for_signed_requests_is_no_other_listeners() {
    let problem = toml("listen.address = \"[::1]:5\"\nlisten.signed_address = \"[::1]:5\"").problem();
    assert_has(
        &problem,
        &[
            "gate.toml:2: listen.signed_address | [::1]:5 is in use",
            "gate.toml:1: listen.address has it for clients",
            "use two ports",
        ],
    );
    let balancers = "listen.proxy_address = \"[::1]:5\"\nlisten.proxy_sources = \"::1\"\n";
    let problem = toml(&format!("{balancers}listen.signed_address = \"[::1]:5\"")).problem();
    assert_has(&problem, &["gate.toml:3: listen.signed_address |", "has it for load balancers"]);
    let problem = toml("listen.signed_address = \"127.0.0.1:9443\"").problem();
    assert_has(&problem, &["admin.address | 127.0.0.1:9443 is in use"]);
    let problem = toml("listen.signed_address = [\"[::1]:5\", \"[::1]:5\"]").problem();
    assert_has(&problem, &["[::1]:5 is there twice", "remove one"]);
}

#[test]
fn a_client_ca_is_required_only_where_a_listener_asks_for_certificates() {
    let without_ca = |toml: &str| {
        let sources = Sources::empty().with_material_files();
        let (certificate, key) = (sources.path("server.pem"), sources.path("server.key"));
        sources.env("CLAWGATE_CERT", certificate).env("CLAWGATE_KEY", key).toml(toml)
    };
    let settings = without_ca("listen.signed_address = \"[::1]:5\"").settings();
    assert!(settings.reloadable.material.trust.cas.is_empty());

    let both = "listen.address = \"[::1]:5\"\nlisten.signed_address = \"[::1]:6\"";
    assert_has(&without_ca(both).problem(), &["clients.ca | is required"]);
    assert_has(&without_ca("").problem(), &["clients.ca | is required"]);
}

#[test]
fn the_public_url_is_scheme_host_and_port_as_webhook_senders_write_them() {
    for url in [
        "https://hooks.example.org",
        "http://127.0.0.1:8080",
        "https://[::1]:1",
        "https://A.example:443",
    ] {
        let settings = toml(&format!("listen.public_url = \"{url}\"")).settings();
        assert_eq!(settings.reloadable.public_url.as_deref(), Some(url));
    }
    for url in [
        "hooks.example.org",
        "https://hooks.example.org/",
        "https://hooks.example.org/hooks",
        "https://me@hooks.example.org",
        "https://hooks.example.org?a",
        "https://",
        "https://a b",
        "wss://hooks.example.org",
    ] {
        let problem = toml(&format!("listen.public_url = \"{url}\"")).problem();
        assert_has(&problem, &["gate.toml:1: listen.public_url", "alone", "without a slash at the end"]);
    }
}

/// What routes with `[route.verify]` or without, and with this `authenticate`, ask of their clients.
fn authenticate(has_verify: bool, word: Option<&str>) -> Sources {
    let word = word.map_or_else(String::new, |word| format!("authenticate = \"{word}\"\n"));
    let sources = route(&word);
    if !has_verify {
        return sources;
    }
    let all = fs::read_to_string(sources.path("gate.toml")).unwrap() + &verify(&sources);
    sources.file("gate.toml", all)
}

#[test]
fn a_route_that_verifies_signatures_asks_for_both_unless_it_says_otherwise() {
    for (has_verify, word, expected) in [
        (false, None, Authenticate::Certificate),
        (false, Some("certificate"), Authenticate::Certificate),
        (true, None, Authenticate::Both),
        (true, Some("both"), Authenticate::Both),
        (true, Some("signature"), Authenticate::Signature),
        (true, Some("either"), Authenticate::Either),
    ] {
        let routes = authenticate(has_verify, word).settings().reloadable.routes;
        assert_eq!(routes[0].authenticate, expected, "{word:?}");
        assert_eq!(routes[0].verify.is_some(), has_verify, "{word:?}");
    }
}

#[test]
fn a_signature_that_nothing_verifies_is_a_problem_and_so_is_one_that_nobody_asks_for() {
    for word in ["signature", "either", "both"] {
        assert_has(
            &authenticate(false, Some(word)).problem(),
            &[
                &format!(
                    "gate.toml:4: route.authenticate | is `{word}`, but there is no [route.verify]"
                ),
                "with scheme and secret_file",
            ],
        );
    }
    assert_has(
        &authenticate(true, Some("certificate")).problem(),
        &[
            "gate.toml:4: route.authenticate | is `certificate`, but there is a [route.verify]",
            "use `both`",
        ],
    );
}

#[test]
fn a_route_that_nobody_can_reach_is_a_problem() {
    for word in ["signature", "either"] {
        let sources = authenticate(true, Some(word));
        let all = fs::read_to_string(sources.path("gate.toml")).unwrap();
        let without_address = all.lines().skip(1).collect::<Vec<_>>().join("\n");
        assert_has(
            &sources.file("gate.toml", without_address).problem(),
            &[
                &format!("gate.toml:3: route.authenticate | is `{word}`, but there is no listener"),
                "--listen-signed, CLAWGATE_LISTEN_SIGNED or listen.signed_address",
            ],
        );
    }
}

#[test]
fn rules_of_a_route_whose_clients_need_no_certificate_are_a_problem() {
    let with = |word: &str, rule: &str| {
        let sources = route(&format!("authenticate = \"{word}\"\n{rule}\n"));
        let all = fs::read_to_string(sources.path("gate.toml")).unwrap() + &verify(&sources);
        sources.file("gate.toml", all)
    };
    for (rule, key) in [("allow = \"cn=a\"", "allow"), ("audit = true", "audit")] {
        assert_has(
            &with("signature", rule).problem(),
            &[&format!("gate.toml:5: route.{key} | is about client certificates"), "\"either\""],
        );
    }
    assert_eq!(
        with("either", "allow = \"cn=a\"").settings().reloadable.routes[0].rules.allow().len(),
        1
    );
}

#[test]
fn an_address_on_which_no_route_is_open_is_warned_of() {
    assert_has(
        &route("authenticate = \"certificate\"").warnings()[0],
        &["gate.toml:1: listen.signed_address | answers every request with 404", "[route.verify]"],
    );
}

#[test]
fn an_unknown_way_to_authenticate_is_answered_with_the_known_ones() {
    assert_has(
        &route("authenticate = \"mtls\"").problem(),
        &["gate.toml:4: route.authenticate", "`certificate`, `signature`, `both` or `either`"],
    );
}
