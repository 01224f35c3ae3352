//! What routes take out of bodies: `[route.shape]` and `[privacy]`.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use super::support::{Sources, assert_has};
use crate::config::shape::ShapingSettings;

const KEY: &str = "a-key-of-random-text-for-pseudonyms";

/// A route with a signature, with these keys in `[route.shape]`.
fn shape(keys: &str) -> Sources {
    with("", "/hooks/a", "", keys)
}

/// `before` is before all tables, `route` in `[[route]]`. `@NAME` is a file of the test's folder.
fn with(before: &str, path: &str, route: &str, keys: &str) -> Sources {
    let sources = Sources::minimal().file("key", KEY).file("secret", "0123456789abcdef0123456789abcdef");
    for name in ["key", "secret"] {
        set_permissions(sources.path(name), Permissions::from_mode(0o600)).unwrap();
    }
    let folder = sources.path("");
    let toml = format!("{before}\n[[route]]\npath = \"{path}\"\n{route}\n[route.shape]\n{keys}\n");
    sources.toml(&toml.replace('@', folder.to_str().unwrap()))
}

const HASH_KEY: &str = "privacy.hash_key_file = \"@key\"";

fn settings(sources: &Sources) -> ShapingSettings {
    sources.settings().reloadable.routes[0].shape.clone().unwrap()
}

#[test]
fn every_rule_of_a_shape_is_read() {
    let sources = with(
        HASH_KEY,
        "/hooks/a",
        "limits.body = \"1MiB\"",
        r#"
        drop = ["/transcript", "/a~1b"]
        truncate = { "/summary" = 500, "/notes/*/text" = 80 }
        hash = ["/recorded_by/email"]
        ip_prefix = ["/ip"]
        when_larger = "200KiB"
        "#,
    );
    assert_eq!(sources.warnings(), [""; 0]);
    let settings = settings(&sources);
    let rules = &settings.rules;
    assert_eq!(rules.drop.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/transcript", "/a~1b"]);
    let lengths: Vec<_> =
        rules.truncate.iter().map(|(place, length)| (place.to_string(), *length)).collect();
    assert_eq!(lengths, [("/notes/*/text".to_owned(), 80), ("/summary".to_owned(), 500)]);
    assert_eq!((rules.keep.as_ref(), rules.when_larger), (None, Some(200 * 1024)));
    let key = rules.hash_key.as_ref().unwrap().id().to_owned();
    assert_eq!(
        settings.lines(),
        [
            "drops /transcript, /a~1b from bodies larger than 200KiB".to_owned(),
            "cuts /notes/*/text to 80 characters, from bodies larger than 200KiB".to_owned(),
            "cuts /summary to 500 characters, from bodies larger than 200KiB".to_owned(),
            format!("puts pseudonyms for /recorded_by/email (key {key})"),
            "cuts the IP addresses at /ip to /24 and /48".to_owned(),
        ]
    );
    let summary = sources.settings().summary();
    assert_has(&summary, &["drops /transcript, /a~1b from bodies larger than 200KiB\n"]);
    assert!(!summary.contains(KEY));
}

#[test]
fn lengths_may_be_a_table_of_their_own() {
    let sources = shape("keep = [\"/a\"]\n[route.shape.truncate]\n\"/a\" = 3");
    let settings = settings(&sources);
    assert_eq!(settings.rules.truncate[0].1, 3);
    assert_eq!(settings.lines()[0], "drops all but /a from all bodies");
}

#[test]
fn a_wrong_shape_is_reported_where_it_stands_with_what_to_do() {
    for (keys, line, parts) in [
        ("keep = []", 6, &["route.shape.keep | is an empty list", "name at least one"][..]),
        ("truncate = {}", 6, &["route.shape.truncate | is an empty table", "name at least one"]),
        ("truncate = 5", 6, &["is an integer, not a table", "truncate = { \"/summary\" = 500 }"]),
        ("truncate = { \"/a\" = \"5\" }", 6, &["has a string, not a number of characters"]),
        ("truncate = { \"/a\" = 0 }", 6, &["leaves nothing of `/a`", "`drop`"]),
        ("truncate = { \"/a\" = -1 }", 6, &["no number of characters for `/a`"]),
        ("truncate = { a = 5 }", 6, &["begins with `/`", "/attendees/*/email"]),
        ("drop = [\"/ok\",\n\"transcript\"]", 7, &["route.shape.drop | ", "begins with `/`"]),
        ("drop = [\"/a~3\"]", 6, &["`~0`"]),
        ("drop = [\"\"]", 6, &["is set, but empty"]),
        (
            "drop = [\"/a\"]\nhash = [\"/b\"]",
            7,
            &["`hash` needs a key", "--hash-key-file, CLAWGATE_HASH_KEY_FILE"],
        ),
        (
            "drop = [\"/a\"]\nip_prefix = [\"/a\"]",
            7,
            &["`/a` is in `drop` and in `ip_prefix`", "remove one"],
        ),
        ("drop = [\"/a\", \"/b\",\n\"/a\"]", 7, &["`/a` is in `drop` and in `drop`"]),
        ("drop = [\"/a\"]\ntruncate = { \"/a/b\" = 5 }", 7, &["`/a/b` of `truncate` has no effect"]),
        ("keep = [\"/a\"]\nip_prefix = [\"/b\"]", 7, &["`keep` does not name it"]),
        ("ip_prefix = [\"/a\"]\nwhen_larger = 5", 7, &["route.shape.when_larger | ", "has no effect"]),
        ("when_larger = 5", 6, &["has no rule", "remove the table"]),
        ("", 5, &["route.shape | is empty, so it would change nothing", "drop, keep, truncate, hash"]),
        ("dropp = [\"/a\"]", 6, &["is no known key", "did you mean `route.shape.drop`?"]),
    ] {
        let sources = with("", "/hooks/a", "", keys);
        let problem = sources.problem();
        assert_has(&problem, &[&format!("gate.toml:{line}: ")]);
        assert_has(&problem, parts);
    }
}

#[test]
fn the_section_of_a_shape_is_suggested_for_a_misspelt_one() {
    let sources =
        Sources::minimal().toml("[[route]]\npath = \"/hooks/a\"\n[route.shapes]\ndrop = [\"/a\"]");
    assert_has(&sources.problem(), &["is no known key", "route.shape"]);
}

#[test]
fn a_bad_key_for_pseudonyms_is_reported_and_not_quoted() {
    for (content, parts) in [
        ("", &["has 0 bytes", "openssl rand"][..]),
        ("short\n", &["has 5 bytes", "at least 16"]),
        ("two lines of text\nand another\n", &["is not one line of text"]),
        (&"x".repeat(20_000), &["has more than 16384 bytes"]),
    ] {
        let problem = with(HASH_KEY, "/hooks/a", "", "hash = [\"/b\"]").file("key", content).problem();
        assert_has(&problem, &["gate.toml:1: privacy.hash_key_file"]);
        assert_has(&problem, parts);
        assert!(content.is_empty() || !problem.contains(content.trim()), "{problem}");
    }
    let problem = with("privacy.hash_key_file = \"@none\"", "/hooks/a", "", "hash = [\"/b\"]").problem();
    assert_has(&problem, &["cannot read DIR/none", "openssl rand"]);
}

#[test]
fn a_newline_at_the_end_of_the_key_file_is_not_a_part_of_the_key() {
    let id = |content: &str| {
        let sources = with(HASH_KEY, "/hooks/a", "", "hash = [\"/b\"]").file("key", content);
        settings(&sources).rules.hash_key.unwrap().id().to_owned()
    };
    assert_eq!(id(KEY), id(&format!("{KEY}\n")));
    assert_ne!(id(KEY), id(&format!("{KEY}2")));
}

#[test]
fn a_key_for_pseudonyms_that_everybody_can_read_or_nothing_uses_is_a_warning() {
    let sources = with(HASH_KEY, "/hooks/a", "", "hash = [\"/b\"]");
    assert_eq!(sources.warnings(), [""; 0]);
    set_permissions(sources.path("key"), Permissions::from_mode(0o644)).unwrap();
    let [warning] = &sources.warnings()[..] else { panic!() };
    assert_has(warning, &["the key of pseudonyms", "every user (mode 644)", "chmod o-r"]);

    let [warning] = &with(HASH_KEY, "/hooks/a", "", "drop = [\"/b\"]").warnings()[..] else { panic!() };
    assert_has(warning, &["no route makes pseudonyms"]);
    let sources = shape("drop = [\"/b\"]");
    let key = sources.path("key");
    assert_eq!(sources.env("CLAWGATE_HASH_KEY_FILE", key).warnings(), [""; 0]);
}

#[test]
fn a_shape_is_refused_where_the_upstream_may_verify_the_senders_signature() {
    let verify = "[route.verify]\nscheme = \"slack\"\nsecret_file = \"@secret\"";
    let token = "token_file = \"@secret\"";
    let elsewhere = "upstream = \"http://127.0.0.1:9000\"";
    let drop = "drop = [\"/a\"]";
    for (path, route) in [
        ("/hooks/a", ""),
        ("/hooks/", ""),
        ("/github/", verify),
        ("/github/", token),
        ("/a", "upstream = \"echo:\""),
        ("/slack/events", &format!("{elsewhere}\n{token}")),
        ("/slack/events-of-mine", verify),
    ] {
        assert!(with("", path, route, drop).load().is_ok(), "{path} {route}");
    }
    for (path, route, part) in [
        ("/github/", "", "has no [route.verify] and no token of its own"),
        ("/", "", "is no path below /hooks/"),
        ("/hooks/a", elsewhere, "may verify the sender's signature"),
        ("/github/", "inject_token = false", "give the route a token_file"),
        ("/slack/events", "", "plugin of OpenClaw at `/slack/events`"),
        ("/slack/events", verify, "remove [route.shape]"),
        ("/mattermost/interactions/a", token, "plugin of OpenClaw"),
    ] {
        let problem = with("", path, route, drop).problem();
        assert_has(&problem, &["route.shape.drop", part]);
    }
    // A token for all routes says nothing about this one.
    let common = "upstream.token_file = \"@secret\"";
    assert_has(&with(common, "/github/", "", drop).problem(), &["no token of its own"]);
}

#[test]
fn a_limit_of_bodies_that_leaves_a_shape_without_effect_is_a_warning() {
    let keys = "drop = [\"/a\"]\nwhen_larger = \"256KiB\"";
    let [warning] = &shape(keys).warnings()[..] else { panic!() };
    assert_has(warning, &["gate.toml:7: route.shape.when_larger", "never takes", "raise limits.body"]);
    assert_eq!(with("", "/hooks/a", "limits.body = \"1MiB\"", keys).warnings(), [""; 0]);
}

#[test]
fn bodies_that_openclaw_refuses_are_no_warning_if_the_shape_makes_them_smaller() {
    let warnings = |keys: &str| with("", "/hooks/a", "limits.body = \"1MiB\"", keys).warnings();
    assert_eq!(warnings("keep = [\"/a\"]"), [""; 0]);
    for keys in ["ip_prefix = [\"/a\"]", "drop = [\"/a\"]\nwhen_larger = \"300KiB\""] {
        let [warning] = &warnings(keys)[..] else { panic!("{keys}") };
        assert_has(warning, &["OpenClaw refuses more than 262144 bytes"]);
    }
}
