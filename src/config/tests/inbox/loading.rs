//! What only a restart changes, what is watched, and the settings of the inbox alone.

use std::fs;

use super::super::support::{Sources, assert_has};
use super::{ROUTE, storing, with};
use crate::config::keys::KEYS;

/// Another value than the default, for each setting of the inbox but those of NATS.
const AT_START: &[(&str, &str)] = &[
    ("path", "\"/x/other.db\""),
    ("max_events", "7"),
    ("max_bytes", "\"7MiB\""),
    ("min_free", "\"7MiB\""),
    ("retain", "\"8d\""),
    ("retain_dead", "\"8d\""),
    ("keep_bodies", "true"),
    ("retry_first", "\"7s\""),
    ("retry_max", "\"7m\""),
    ("on_corrupt", "\"refuse\""),
];

#[test]
fn only_a_restart_changes_the_settings_of_the_inbox() {
    let keys = format!("{ROUTE}delivery = \"inbox\"");
    let load = |before: &str| with(before, &keys).env("CLAWGATE_INBOX", "/x/y.db");
    let before = load("").settings();
    for (leaf, value) in AT_START {
        let key = format!("inbox.{leaf}");
        let changed = match *leaf {
            "path" => with("", &keys).env("CLAWGATE_INBOX", value.trim_matches('"')),
            _ => load(&format!("{key} = {value}")),
        };

        let after = changed.settings();

        assert_ne!(before.startup, after.startup, "{key}");
        assert_eq!(before.in_use.needs_restart(&after.in_use), [key]);
    }
    let is_of_nats = |key: &str| key == "inbox.store" || key.starts_with("inbox.nats.");
    let all = KEYS.iter().filter(|key| key.toml.starts_with("inbox.") && !is_of_nats(key.toml));
    assert_eq!(all.count(), AT_START.len(), "each key is in AT_START");
}

#[test]
fn a_reload_changes_how_a_route_stores_events() {
    let (before, after) = (storing("").settings(), storing("inbox.give_up_after = \"2d\"").settings());
    assert_eq!(before.startup, after.startup);
    assert_ne!(before.reloadable.routes[0].inbox, after.reloadable.routes[0].inbox);
    assert_eq!(before.in_use.needs_restart(&after.in_use), [""; 0]);
}

#[test]
fn a_reload_that_removes_the_last_route_that_stores_events_needs_no_restart() {
    let route = |delivery: &str| {
        with("", &format!("{ROUTE}delivery = \"{delivery}\"")).env("STATE_DIRECTORY", "/x").settings()
    };
    let (before, after) = (route("inbox"), route("direct"));
    assert_eq!(before.in_use.needs_restart(&after.in_use), [""; 0]);
    assert_eq!(after.startup.inbox, None);
    assert_eq!(after.inbox_place, before.inbox_place);
}

#[test]
fn the_database_is_not_watched_and_its_content_is_not_in_use() {
    let sources = with("inbox.path = \"@box/inbox.db\"", &format!("{ROUTE}delivery = \"inbox\""));
    let database = sources.path("box/inbox.db");
    fs::create_dir(sources.path("box")).unwrap();
    fs::write(&database, "x").unwrap();

    let settings = sources.settings();

    assert!(settings.files.paths().all(|path| path != database));
    let in_use = serde_json::to_string(&settings.in_use).unwrap();
    assert_eq!(in_use.matches("box/inbox.db").count(), 1, "{in_use}");
}

#[test]
fn the_settings_of_the_inbox_are_read_alone_though_certificates_are_missing() {
    let text = "[tls]\ncertificate = \"/nowhere/a.pem\"\n[inbox]\npath = \"/x/y.db\"\nmax_events = 7\n";
    let settings = Sources::empty().toml(text).inbox().unwrap();
    assert_eq!(settings.place.to_string(), "/x/y.db");
    assert_eq!(settings.max_events, 7);

    let by_systemd = Sources::empty().env("STATE_DIRECTORY", "/s").inbox().unwrap();
    assert_eq!(by_systemd.place.to_string(), "/s/inbox.db");
}

#[test]
fn whoever_wants_to_look_at_stored_events_must_say_where_they_are() {
    let problems = Sources::empty().inbox().unwrap_err().to_string();
    assert_has(&problems, &["inbox.path", "is required, but not set", "set --inbox, CLAWGATE_INBOX or"]);
    let problems = Sources::empty().toml("[inbox]\npath = 7\n").inbox().unwrap_err().to_string();
    assert_has(&problems, &["1 problem", "gate.toml:2: inbox.path", "is an integer, not a string"]);
}
