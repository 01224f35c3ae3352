//! What has to fit together.

use super::super::support::assert_has;
use super::{ROUTE, route, storing, with};

#[test]
fn events_need_a_place() {
    let by_flag = with("", ROUTE).flag("--delivery", "inbox").problem();
    assert_has(&by_flag, &["--delivery | needs the inbox, and no file is named for its database"]);

    let problem = with("", &format!("{ROUTE}delivery = \"try\"")).problem();
    assert_has(
        &problem,
        &[
            "gate.toml:5: route.delivery | needs the inbox, and no file is named for its database",
            "set --inbox, CLAWGATE_INBOX or inbox.path",
        ],
    );
}

#[test]
fn keys_for_stored_events_are_refused_on_a_route_that_stores_none() {
    let problem = with("", &format!("{ROUTE}inbox.order = \"strict\"")).problem();
    assert_has(
        &problem,
        &["gate.toml:5: route.inbox.order | is for stored events", "add delivery = \"inbox\""],
    );
    let problem = with("", &format!("{ROUTE}[route.inbox]")).problem();
    assert_has(&problem, &["gate.toml:5: route.inbox | is empty", "give_up_after"]);
}

#[test]
fn keys_of_the_inbox_are_warned_of_if_no_route_stores_events() {
    let sources = with("[inbox]\nretain = \"1d\"", ROUTE).flag("--inbox", "/x/y.db");
    assert_has(
        &sources.warnings().join("\n"),
        &[
            "gate.toml:2: inbox.retain | has no effect: no route stores events",
            "--inbox | has no effect",
        ],
    );
    let by_unit = with("", ROUTE).env("CLAWGATE_INBOX", "/x/y.db").env("STATE_DIRECTORY", "/s");
    assert_eq!(by_unit.warnings(), [""; 0]);
}

#[test]
fn the_senders_credentials_are_never_lost_without_a_word() {
    let route = |keys: &str| {
        with("inbox.path = \"/x/y.db\"", &format!("path = \"/a\"\ndelivery = \"inbox\"\n{keys}"))
    };
    assert_has(
        &route("").problem(),
        &[
            "gate.toml:4: route.delivery | stores requests without the sender's Authorization",
            "store_authorization in [route.inbox]",
        ],
    );
    let with_no_token = format!("token_file = \"{}\"", "@token");
    for keys in [
        with_no_token.as_str(),
        "inbox.store_authorization = true",
        "inbox.store_authorization = false",
        "upstream = \"echo:\"",
    ] {
        assert_eq!(route(keys).warnings(), [""; 0], "{keys}");
    }
    let of_upstream = with("[upstream]\ntoken_file = \"@token\"", "path = \"/a\"\ndelivery = \"inbox\"");
    assert_eq!(of_upstream.env("CLAWGATE_INBOX", "/x/y.db").warnings(), [""; 0]);
}

#[test]
fn strict_order_needs_one_delivery_at_a_time() {
    let problem = storing("inbox = { order = \"strict\", concurrency = 2 }").problem();
    assert_has(&problem, &["route.inbox.concurrency | is 2, but with order = \"strict\"", "remove it"]);
}

#[test]
fn only_a_sender_that_waits_has_a_time_to_wait() {
    let problem = storing("inbox.wait = \"1s\"").problem();
    assert_has(&problem, &["route.inbox.wait | has no effect", "use delivery = \"try\""]);

    let tried = |wait: &str| {
        let before = "inbox.path = \"/x/y.db\"\nlimits.request_timeout = \"10s\"";
        with(before, &format!("{ROUTE}delivery = \"try\"\ninbox.wait = \"{wait}\""))
    };
    assert_eq!(tried("9s").warnings(), [""; 0]);
    assert_has(
        &tried("10s").problem(),
        &["route.inbox.wait | is not shorter than limits.request_timeout"],
    );
}

#[test]
fn no_more_events_are_delivered_at_once_than_there_are_connections() {
    let delivered = |count: usize| {
        let before = "inbox.path = \"/x/y.db\"\nlimits.upstream_connections = 8";
        with(before, &format!("{ROUTE}delivery = \"inbox\"\ninbox.concurrency = {count}"))
    };
    assert_eq!(delivered(8).warnings(), [""; 0]);
    assert_has(
        &delivered(9).problem(),
        &["route.delivery | delivers 9 events at the same time", "is 8"],
    );
}

#[test]
fn an_id_must_be_one_that_the_request_of_the_route_has() {
    for (id, what) in [
        ("{path}", "names no place that differs from event to event"),
        ("{id}-{body:/a}", "has {id} or {body}"),
        ("{body}{header:a}", "has {id} or {body}"),
        ("header:x-*", "has the names of several headers"),
        ("bearer", "has a credential"),
        ("{timestamp}{header:a}", "has a part of a signature, and this route verifies none"),
        ("field:t", "has a part of a signature, and this route verifies none"),
        ("{url}{header:a}", "clawgate does not know its URL"),
    ] {
        let problem = storing(&format!("inbox.id = \"{id}\"")).problem();
        assert_has(&problem, &["route.inbox.id | ", what]);
    }
    let verify = "[route.verify]\nscheme = \"github\"\nsecret_file = \"@token\"";
    let signed = storing(&format!("inbox.id = \"field:t\"\n{verify}"));
    assert_eq!(route(&signed).id.unwrap().to_string(), "{field:t}");
}

#[test]
fn a_proxy_header_stands_for_a_connection_that_a_stored_event_has_no_more() {
    let sources = storing("").flag("--upstream-proxy-protocol", "v2");
    assert_has(
        &sources.problem(),
        &["route.delivery | delivers when the client's connection may be gone"],
    );
}

#[test]
fn a_route_whose_senders_ask_for_something_is_warned_of() {
    let warnings = storing("methods = [\"POST\", \"GET\"]").warnings().concat();
    assert_has(&warnings, &["route.delivery | stores requests with GET, too, whose senders want"]);
    let warnings = storing("methods = \"any\"").warnings().concat();
    assert_has(&warnings, &["stores requests with GET, HEAD, OPTIONS, too"]);
    assert_eq!(storing("methods = [\"POST\", \"PUT\"]").warnings(), [""; 0]);
}

#[test]
fn one_path_is_stored_by_one_route() {
    let route = |method: &str, delivery: &str| {
        format!("[[route]]\n{ROUTE}methods = \"{method}\"\ndelivery = \"{delivery}\"\n")
    };
    let two = |other: &str| {
        let second = route("PUT", other);
        with("inbox.path = \"/x/y.db\"", &format!("{ROUTE}delivery = \"inbox\"\n{second}"))
    };
    assert_has(
        &two("try").problem(),
        &[
            "gate.toml:10: route.delivery | stores events of `/a`, and so does DIR/gate.toml:5: route.delivery",
        ],
    );
    assert_eq!(two("direct").warnings(), [""; 0]);
}

#[test]
fn the_database_has_room_for_two_of_the_largest_bodies() {
    let sized = |max: &str, body: &str| {
        let before = format!("[inbox]\npath = \"/x/y.db\"\nmax_bytes = \"{max}\"");
        with(&before, &format!("{ROUTE}delivery = \"inbox\"\nlimits.body = \"{body}\""))
    };
    assert_eq!(sized("200KiB", "100KiB").warnings(), [""; 0]);
    assert_has(
        &sized("199KiB", "100KiB").problem(),
        &["inbox.max_bytes | is 199KiB, but one body may have 100KiB"],
    );
    let other = "upstream = \"http://127.0.0.1:1\"\n";
    let large = |body: &str| storing(&format!("{other}limits.body = \"{body}\""));
    assert_eq!(large("64MiB").warnings(), [""; 0]);
    assert_has(&large("65MiB").problem(), &["route.delivery | stores requests with bodies up to 65MiB"]);
}

#[test]
fn an_event_that_waits_for_longer_than_it_is_remembered_is_warned_of() {
    let kept = |retain: &str| {
        let before = format!("[inbox]\npath = \"/x/y.db\"\nretain = \"{retain}\"");
        with(&before, &format!("{ROUTE}delivery = \"inbox\"\ninbox.give_up_after = \"2d\"")).warnings()
    };
    assert_eq!(kept("2d"), [""; 0]);
    assert_has(&kept("47h").concat(), &["inbox.retain | is shorter than give_up_after"]);
}

#[test]
fn the_inbox_should_have_a_folder_of_its_own() {
    let sources = with("inbox.path = \"@inbox.db\"", &format!("{ROUTE}delivery = \"inbox\""));
    assert_has(&sources.warnings().concat(), &["inbox.path | the folder of the inbox also has DIR/"]);

    let below = with("inbox.path = \"@inbox/inbox.db\"", &format!("{ROUTE}delivery = \"inbox\""));
    assert_eq!(below.warnings(), [""; 0]);

    let root = storing("").flag("--inbox", "/inbox.db").problem();
    assert_has(&root, &["--inbox | /inbox.db is right below /", "/var/lib/clawgate/inbox.db"]);
}
