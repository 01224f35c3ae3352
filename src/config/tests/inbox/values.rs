//! What the keys mean, and what holds without them.

use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;

use super::super::support::{Sources, assert_has};
use super::{ROUTE, inbox, route, storing, with};
use crate::inbox::{InboxSettings, OnCorrupt, Order, RouteInbox, StorePlace};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn without_a_route_that_stores_events_there_is_no_inbox() {
    let settings = Sources::minimal().settings();
    assert_eq!(settings.startup.inbox, None);
    assert_eq!(settings.reloadable.routes[0].inbox, None);

    let settings = with("", &format!("{ROUTE}delivery = \"direct\"")).settings();
    assert_eq!(settings.startup.inbox, None);
    assert_eq!(settings.reloadable.routes[0].inbox, None);
}

#[test]
fn a_path_and_the_word_inbox_suffice() {
    let sources = storing("");
    assert_eq!(sources.warnings(), [""; 0]);
    assert_eq!(
        inbox(&sources),
        InboxSettings {
            place: StorePlace::Sqlite { path: "/var/lib/x/inbox.db".into() },
            max_events: 100_000,
            max_bytes: 1 << 30,
            min_free: 256 << 20,
            retain: 7 * DAY,
            retain_dead: 30 * DAY,
            keep_bodies: false,
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(300),
            on_corrupt: OnCorrupt::SetAside,
        }
    );
    assert_eq!(
        route(&sources),
        RouteInbox {
            id: None,
            wait: None,
            status: StatusCode::ACCEPTED,
            order: Order::Any,
            concurrency: 4,
            give_up_after: DAY,
            store_authorization: false,
        }
    );
}

#[test]
fn every_key_is_read() {
    let before = r#"
        [inbox]
        path = "/var/lib/x/y.db"
        max_events = 7
        max_bytes = "7MiB"
        min_free = "7KiB"
        retain = "70d"
        retain_dead = "8d 1h"
        keep_bodies = true
        retry_first = "7s"
        retry_max = "7m"
        on_corrupt = "refuse"
    "#;
    let keys = r#"
        delivery = "try"
        [route.inbox]
        id = "{body:/a}-{body:/b}"
        wait = "700ms"
        status = 204
        order = "strict"
        concurrency = 1
        give_up_after = "2d"
        store_authorization = true
    "#;
    let sources = with(before, &format!("path = \"/a\"\n{keys}"));
    assert_eq!(sources.warnings(), [""; 0]);
    assert_eq!(
        inbox(&sources),
        InboxSettings {
            place: StorePlace::Sqlite { path: "/var/lib/x/y.db".into() },
            max_events: 7,
            max_bytes: 7 << 20,
            min_free: 7 << 10,
            retain: 70 * DAY,
            retain_dead: 8 * DAY + Duration::from_secs(3600),
            keep_bodies: true,
            retry_first: Duration::from_secs(7),
            retry_max: Duration::from_secs(420),
            on_corrupt: OnCorrupt::Refuse,
        }
    );
    assert_eq!(
        route(&sources),
        RouteInbox {
            id: Some("{body:/a}-{body:/b}".parse().unwrap()),
            wait: Some(Duration::from_millis(700)),
            status: StatusCode::NO_CONTENT,
            order: Order::Strict,
            concurrency: 1,
            give_up_after: 2 * DAY,
            store_authorization: true,
        }
    );
}

#[test]
fn a_sender_waits_two_seconds_where_nobody_says_how_long() {
    let sources = with("inbox.path = \"/x/y.db\"", &format!("{ROUTE}delivery = \"try\""));
    assert_eq!(route(&sources).wait, Some(Duration::from_secs(2)));
}

#[test]
fn routes_that_say_nothing_store_events_if_flag_or_variable_say_so() {
    let stored = |sources: Sources| {
        let settings = sources.flag("--inbox", "/x/y.db").settings();
        let routes = settings.reloadable.routes.iter().map(|route| route.inbox.is_some());
        (routes.collect::<Vec<_>>(), settings.startup.inbox.is_some())
    };
    let to_echo = |sources: Sources| sources.flag("--upstream", "echo:");
    let without_tables = to_echo(Sources::minimal()).env("CLAWGATE_DELIVERY", "inbox");
    assert_eq!(stored(without_tables), (vec![true], true));

    let direct = "path = \"/b\"\ndelivery = \"direct\"";
    let tables = |flag: &str| {
        let both = format!("{ROUTE}[[route]]\n{direct}");
        to_echo(with("", &both)).flag("--delivery", flag)
    };
    assert_eq!(stored(tables("inbox")), (vec![true, false], true));
    assert_eq!(stored(tables("direct")), (vec![false, false], false));
    let all_say_it = to_echo(with("", direct)).flag("--delivery", "try");
    assert_eq!(stored(all_say_it), (vec![false], false));
}

#[test]
fn in_strict_order_one_event_is_delivered_at_a_time() {
    assert_eq!(route(&storing("inbox.order = \"strict\"")).concurrency, 1);
}

#[test]
fn a_sender_gets_the_status_that_its_scheme_asks_for() {
    let verify = "[route.verify]\nsecret_file = \"@token\"\n";
    let status = |scheme: &str| route(&storing(&format!("{verify}scheme = \"{scheme}\""))).status;
    assert_eq!(status("github"), StatusCode::ACCEPTED);
    assert_eq!(status("meta\"\nchallenge = \"off"), StatusCode::OK);

    let other = format!("inbox.status = 202\n{verify}scheme = \"meta\"\nchallenge = \"off\"");
    let sources = storing(&other);
    assert_eq!(route(&sources).status, StatusCode::ACCEPTED);
    assert_has(
        &sources.warnings().concat(),
        &["route.inbox.status | is 202, but the webhook sender asks for 200"],
    );
}

#[test]
fn the_database_is_in_the_folder_that_systemd_made_unless_it_is_named() {
    let keys = format!("{ROUTE}delivery = \"inbox\"");
    let path = |sources: Sources| PathBuf::from(inbox(&sources).place.to_string());
    let state = |folders: &str| with("", &keys).env("STATE_DIRECTORY", folders);
    assert_eq!(path(state("/var/lib/clawgate")), PathBuf::from("/var/lib/clawgate/inbox.db"));
    assert_eq!(path(state("/var/lib/a:/var/lib/b")), PathBuf::from("/var/lib/a/inbox.db"));
    assert_eq!(path(state("/s").env("CLAWGATE_INBOX", "/e/i.db")), PathBuf::from("/e/i.db"));
    let both = state("/s").env("CLAWGATE_INBOX", "/e/i.db").flag("--inbox", "/f/i.db");
    assert_eq!(path(both), PathBuf::from("/f/i.db"));
}

#[test]
fn the_folder_that_systemd_made_is_no_difference_for_commands_that_do_not_know_it() {
    let without = Sources::minimal().settings();
    let within_unit = Sources::minimal().env("STATE_DIRECTORY", "/s").settings();
    assert!(within_unit.in_use.differences(&without.in_use).iter().all(|one| one.key == "files"));
}

#[test]
fn wrong_values_are_refused_with_a_hint() {
    for (key, parts) in [
        ("retain = \"7\"", ["inbox.retain | `7` is not a duration: it has no unit", "`7d`"]),
        ("retain = \"3651d\"", ["longer than 3650d", "at most `3650d`"]),
        ("retain = \"10ms\"", ["less than a second", "`24h`"]),
        ("retry_max = \"25h\"", ["longer than 24h", "at most `24h`"]),
        ("retry_first = \"0s\"", ["leaves no time", "`5s`"]),
        ("max_events = 0", ["is not a whole number from 1", "100"]),
        ("on_corrupt = \"ignore\"", ["is not one of its values", "use `set-aside` or `refuse`"]),
        (
            "retry_first = \"6m\"",
            ["inbox.retry_first is longer than inbox.retry_max", "retry_max longer"],
        ),
    ] {
        let before = format!("[inbox]\npath = \"/x/y.db\"\n{key}");
        let problem = with(&before, &format!("{ROUTE}delivery = \"inbox\"")).problem();
        assert_has(&problem, &parts);
    }
    for (key, parts) in [
        ("status = 302", ["`302` is no status of a success", "200 to 299"]),
        ("order = \"fifo\"", ["is not one of its values", "use `any` or `strict`"]),
        ("give_up_after = \"4000d\"", ["longer than 3650d", "at most `3650d`"]),
        ("id = \"webhook-id\"", ["`webhook-id` is no source", "header:webhook-id"]),
    ] {
        assert_has(&storing(&format!("inbox.{key}")).problem(), &parts);
    }
    let problem = storing("").flag("--inbox", "/tmp/").problem();
    assert_has(&problem, &["--inbox | /tmp/ is a folder", "name a file in it"]);
    let problem = with("", &format!("{ROUTE}delivery = \"queue\"")).problem();
    assert_has(&problem, &["route.delivery | `queue` is not one of", "`direct`, `inbox` or `try`"]);
}

#[test]
fn the_summary_says_what_is_stored_where_and_for_how_long() {
    let summary = storing("inbox.id = \"header:x-id\"").settings().summary();
    let with_inbox = |line: &&str| {
        ["inbox", "stored", "order", "recogni", "remember", "tried", "events"]
            .iter()
            .any(|word| line.contains(word))
    };
    let lines: Vec<_> = summary.lines().filter(with_inbox).map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "stored, answered with 202, then delivered",
            "order any, 4 at the same time, tried for 1day",
            "events are recognised by {header:x-id}",
            "inbox          /var/lib/x/inbox.db",
            "up to 100000 events and 1GiB; 256MiB of the file system stay free",
            "events are remembered for 7days, dead ones for 30days",
            "tried again after 1s to 5m; a damaged database is set aside",
        ]
    );
}
