//! Which settings only a restart changes.

use super::support::Sources;
use crate::config::keys::KEYS;

/// Another value than the default, for each setting that only a restart changes. Those of spans need a feature.
const AT_START: &[(&str, &str)] = &[
    ("listen.address", "\"127.0.0.1:1\""),
    ("listen.takeover", "true"),
    ("limits.connections", "7"),
    ("limits.connections_per_source", "7"),
    ("limits.handshakes", "7"),
    ("limits.handshake_rate", "7"),
    ("limits.idle_timeout", "\"7s\""),
    ("limits.connection_age", "\"7s\""),
    ("limits.buffered_bodies", "7"),
    ("limits.buffered_bytes", "7"),
    ("runtime.workers", "7"),
    ("runtime.watch", "false"),
    ("runtime.sandbox", "false"),
    ("runtime.drain_timeout", "\"7s\""),
    ("admin.address", "\"127.0.0.1:1\""),
    ("admin.edit_denylist", "true"),
    ("log.format", "\"json\""),
    ("log.level", "\"warn\""),
    ("log.verbose", "true"),
    ("log.repeat_window", "\"7s\""),
];

/// The same for settings that a reload replaces.
const RELOADABLE: &[(&str, &str)] = &[
    ("listen.public_url", "\"https://hooks.example\""),
    ("tls.strict_sni", "true"),
    ("tls.min_version", "\"1.3\""),
    ("tls.resumption", "\"off\""),
    ("tls.handshake_timeout", "\"7s\""),
    ("clients.crl_policy", "\"strict\""),
    ("clients.crl_expired", "\"warn\""),
    ("clients.refuse_with", "\"http\""),
    ("clients.revoke", "\"now\""),
    ("clients.allow", "\"cn=a\""),
    ("upstream.url", "\"echo:\""),
    ("upstream.idle_timeout", "\"7s\""),
    ("limits.body", "7"),
    ("limits.connections_per_identity", "7"),
    ("limits.greeting_timeout", "\"1s\""),
    ("limits.connection_requests", "7"),
    ("limits.head_timeout", "\"7s\""),
    ("limits.uri", "70"),
    ("limits.body_timeout", "\"7s\""),
    ("limits.body_rate", "7"),
    ("limits.send_timeout", "\"7s\""),
    ("limits.request_timeout", "\"7s\""),
    ("limits.streams", "7"),
    ("limits.request_rate", "7"),
    ("limits.requests_at_once", "7"),
    ("limits.signed_request_rate", "7"),
    ("limits.failed_signatures", "7"),
    ("limits.upstream_connections", "7"),
    ("limits.upstream_queue", "7"),
    ("admin.show_bodies", "true"),
    ("log.sample_2xx", "7"),
    ("log.client_hello", "true"),
];

#[test]
fn a_setting_is_in_startup_exactly_if_its_entry_says_so() {
    let mut sources = Sources::minimal().toml("");
    let before = sources.settings();
    for ((toml, value), at_start) in
        AT_START.iter().map(|one| (one, true)).chain(RELOADABLE.iter().map(|one| (one, false)))
    {
        sources = sources.file("gate.toml", format!("{toml} = {value}"));

        let after = sources.settings();

        assert_eq!(before.startup != after.startup, at_start, "{toml}");
        let needs_restart = before.in_use.needs_restart(&after.in_use);
        assert_eq!(needs_restart, if at_start { vec![*toml] } else { Vec::new() }, "{toml}");
        assert_ne!(before.in_use, after.in_use, "{toml}");
    }
}

#[test]
fn every_setting_that_only_a_restart_changes_is_tested() {
    let others = ["listen.proxy_address", "listen.signed_address", "trace.", "inbox.", "relay.address"];
    let tested = |key: &str| AT_START.iter().any(|(toml, _)| *toml == key);
    for key in KEYS.iter().filter(|key| key.at_start) {
        let is_other = others.iter().any(|other| key.toml.starts_with(other));
        assert!(tested(key.toml) || is_other, "{} is not in AT_START", key.toml);
    }
}
