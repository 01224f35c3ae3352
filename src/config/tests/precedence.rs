use std::net::SocketAddr;
use std::time::Duration;

use tracing::Level;

use super::support::{Sources, assert_has, texts};
use crate::config::key::Unset;
use crate::config::keys::KEYS;
use crate::config::log::LogFormat;
use crate::upstream::Target;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn what_is_required_suffices_and_the_rest_has_defaults() {
    let sources = Sources::minimal();
    let settings = sources.settings();
    assert_eq!(settings.startup.listen, [address("127.0.0.1:8443")]);
    assert_eq!(settings.reloadable.handshake_timeout, Duration::from_secs(5));
    assert_eq!(settings.reloadable.material_paths.certificates, [sources.path("server.pem")]);
    assert_eq!(settings.reloadable.material_paths.private_keys, [sources.path("server.key")]);
    assert_eq!(settings.reloadable.material_paths.client_ca, [sources.path("ca.pem")]);
    assert!(settings.reloadable.material_paths.crl.is_empty());
    assert!(settings.reloadable.clients_rules.is_empty());
    assert_eq!(settings.reloadable.routes[0].max_body, 262_144);
    assert_eq!(settings.startup.limits.idle_timeout, Duration::from_secs(60));
    assert!(settings.startup.workers.get() >= 1);
    assert_eq!(settings.startup.admin.unwrap().to_string(), "127.0.0.1:9443");
    assert_eq!(settings.startup.drain_timeout, Duration::from_secs(30));
    assert_eq!(settings.startup.log.format, LogFormat::Auto);
    assert_eq!(settings.startup.log.level.text, "info");
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);

    let [route] = &settings.reloadable.routes[..] else { panic!("{:?}", settings.reloadable.routes) };
    assert_eq!(route.path.to_string(), "/hooks/");
    assert_eq!(route.methods.to_string(), "POST");
    assert!(route.rules.is_empty());
    assert_eq!(route.max_body, 262_144);
    assert_eq!(route.upstream.target, Target::Http { host: "127.0.0.1".into(), port: 18789 });
    assert_eq!(route.upstream.token, None);
    assert_has(&route.upstream.token_origin, &["--hook-token-file", "CLAWGATE_HOOK_TOKEN_FILE"]);
    assert_eq!(route.upstream.connect_timeout, Duration::from_secs(2));
    assert_eq!(route.upstream.response_timeout, Duration::from_secs(60));
    assert_eq!(route.upstream.idle_timeout, Duration::from_secs(30));
}

#[test]
fn the_file_wins_over_the_default() {
    let sources = Sources::minimal().toml("[limits]\nbody = \"1KiB\"");
    assert_eq!(sources.settings().reloadable.routes[0].max_body, 1024);
}

#[test]
fn the_environment_wins_over_the_file() {
    let sources = Sources::minimal().toml("[limits]\nbody = \"1KiB\"").env("CLAWGATE_MAX_BODY", "2KiB");
    assert_eq!(sources.settings().reloadable.routes[0].max_body, 2048);
}

#[test]
fn a_flag_wins_over_the_environment_and_the_file() {
    let sources = Sources::minimal().toml("[limits]\nbody = \"1KiB\"").flag("--max-body", "3KiB");
    assert_eq!(sources.settings().reloadable.routes[0].max_body, 3072);
    let sources = sources.env("CLAWGATE_MAX_BODY", "2KiB");
    assert_eq!(sources.settings().reloadable.routes[0].max_body, 3072);
}

#[test]
fn a_stronger_source_replaces_a_list_and_does_not_add_to_it() {
    let sources = Sources::minimal()
        .toml("listen.address = [\"127.0.0.1:1\", \"127.0.0.1:2\"]")
        .env("CLAWGATE_LISTEN", "127.0.0.1:3, [::1]:4");
    assert_eq!(sources.settings().startup.listen, [address("127.0.0.1:3"), address("[::1]:4")]);
    let sources = sources.flag("--listen", "127.0.0.1:5").flag("--listen", "127.0.0.1:6");
    assert_eq!(sources.settings().startup.listen, [address("127.0.0.1:5"), address("127.0.0.1:6")]);
}

#[test]
fn the_flag_names_the_file_before_the_variable_does() {
    let sources = Sources::minimal().file("other.toml", "[limits]\nbody = 5");
    let other = sources.path("other.toml");
    let sources = sources.env("CLAWGATE_CONFIG", other);
    assert_eq!(sources.settings().reloadable.routes[0].max_body, 5);
    assert_eq!(sources.toml("[limits]\nbody = 6").settings().reloadable.routes[0].max_body, 6);
}

#[test]
fn rules_in_the_environment_are_separated_by_semicolons_since_they_hold_commas() {
    let sources = Sources::minimal().env("CLAWGATE_ALLOW", "cn=a, o=Example; dns=b.example");
    assert_eq!(
        texts(sources.settings().reloadable.clients_rules.allow()),
        ["cn=a, o=Example", "dns=b.example"]
    );
}

#[test]
fn each_setting_reaches_its_place() {
    let sources = Sources::minimal();
    let ca = sources.path("ca.pem");
    let sources = sources.toml(&format!(
        r#"
        [tls]
        handshake_timeout = "1s"
        [upstream]
        url = "https://claw.example"
        ca = {ca:?}
        connect_timeout = "2ms"
        response_timeout = "3ms"
        idle_timeout = "4ms"
        [limits]
        body = 7
        idle_timeout = "8s"
        [runtime]
        workers = 9
        drain_timeout = "0s"
        [admin]
        address = "off"
        [log]
        format = "json"
        level = "warn,clawgate=debug"
        "#,
    ));
    let settings = sources.settings();
    assert_eq!(settings.reloadable.handshake_timeout, Duration::from_secs(1));
    let upstream = &settings.reloadable.routes[0].upstream;
    assert_eq!(upstream.target, Target::Https { host: "claw.example".into(), port: 443 });
    assert_eq!(upstream.ca, Some(sources.path("ca.pem")));
    assert_eq!(upstream.connect_timeout, Duration::from_millis(2));
    assert_eq!(upstream.response_timeout, Duration::from_millis(3));
    assert_eq!(upstream.idle_timeout, Duration::from_millis(4));
    assert_eq!(settings.reloadable.routes[0].max_body, 7);
    assert_eq!(settings.startup.limits.idle_timeout, Duration::from_secs(8));
    assert_eq!(settings.startup.workers.get(), 9);
    assert_eq!(settings.startup.drain_timeout, Duration::ZERO);
    assert_eq!(settings.startup.admin, None);
    assert_eq!(settings.startup.log.format, LogFormat::Json);
    assert_eq!(settings.startup.log.level.text, "warn,clawgate=debug");
    let logs = |target, level| settings.startup.log.level.filter.would_enable(target, &level);
    assert!(logs("clawgate::tls", Level::DEBUG) && !logs("clawgate::tls", Level::TRACE));
    assert!(!logs("hyper", Level::WARN), "what libraries log is there when it is asked for");
}

#[test]
fn every_setting_with_a_default_is_among_those_in_use() {
    let in_use = serde_json::to_value(&Sources::minimal().settings().in_use).unwrap();
    for key in KEYS.iter().filter(|key| matches!(key.unset, Unset::Value(_))) {
        // They are read only if there is a collector, or a store in NATS.
        let is_of_others = ["trace.", "inbox.nats."].iter().any(|section| key.toml.starts_with(section));
        if !key.is_shown_with_routes() && !is_of_others {
            assert!(in_use[key.toml].is_array(), "nothing reads {}", key.toml);
        }
    }
    assert!(in_use["route POST /hooks/"].is_array() && in_use["files"].is_array(), "{in_use}");
}
