//! What is wrong with a target, each with where and what to do.

use super::super::support::assert_has;
use super::{LISTENER, TARGET, queueing, waiting, with};

/// The problem of a target that has this in place of its URL.
fn with_url(url: &str, keys: &str) -> String {
    let target = TARGET.replace("https://api.example.org/v1/events", url);
    with(&format!("{LISTENER}{target}delivery = \"wait\"\n{keys}")).problem()
}

#[test]
fn a_target_has_a_name_and_a_url() {
    let problems =
        with(&format!("{LISTENER}[[relay.target]]\nrate = \"1/1s\"\ndelivery = \"wait\"")).problems();
    assert_has(
        &problems,
        &["2 problems", "gate.toml:4: relay.target[1]\n    has no name", "has no url", "add e.g. url"],
    );
}

#[test]
fn a_name_is_short_and_plain() {
    for name in ["", "Analytics", "a b", "a/b", &"a".repeat(65)] {
        let text = format!(
            "{LISTENER}{}delivery = \"wait\"\nca = \"@ca.pem\"",
            TARGET.replace("analytics", name)
        );
        assert_has(&with(&text).problems(), &["relay.target[1].name"]);
    }
}

#[test]
fn no_two_targets_have_one_name_or_one_path() {
    let more = "ca = \"@ca.pem\"\ndelivery = \"wait\"\n";
    let problems = with(&format!("{LISTENER}{TARGET}{more}{TARGET}{more}")).problems();
    assert_has(
        &problems,
        &[
            "gate.toml:10: relay.target[2].name\n    `analytics` is the name of another target",
            "`/analytics` is the path of another target: DIR/gate.toml:5: relay.target[1].name",
        ],
    );
    let other = TARGET.replace("analytics", "other");
    let problem = with(&format!("{LISTENER}{TARGET}{more}{other}{more}path = \"/analytics\"")).problem();
    assert_has(&problem, &["gate.toml:14: relay.target[2].path | `/analytics` is the path of another"]);
}

#[test]
fn a_path_means_itself_only() {
    for path in ["track", "/", "/a//b", "/a/", "/a/../b", "/a?b", "/a*", "/ä"] {
        let problem = waiting(&format!("path = \"{path}\"")).problem();
        assert_has(&problem, &["relay.target[1].path | ", "is no path", "e.g. /track"]);
    }
}

#[test]
fn a_url_is_whole_and_has_nothing_that_is_not_sent() {
    assert_has(&with_url("api.example.org/x", ""), &["relay.target[1].url | ", "is no https:// URL"]);
    assert_has(&with_url("ftp://api.example.org/x", ""), &["is no https:// URL"]);
    assert_has(&with_url("unix:/run/x.sock", ""), &["is no https:// URL"]);
    assert_has(
        &with_url("https://a:b\\u0040api.example.org/", ""),
        &["has a user or a password", "username"],
    );
    assert_has(&with_url("https://api.example.org/x#top", ""), &["has a `#`"]);
}

#[test]
fn plain_http_is_refused_unless_it_is_allowed() {
    let problem = with_url("http://api.example.org/x", "");
    assert_has(&problem, &["gate.toml:6: relay.target[1].url | is http://", "allow_plain_http = true"]);
    let tokens = "auth = { token_url = \"http://l.example/t\", client_id = \"a\", client_secret_file = \"@secret\" }";
    assert_has(&waiting(tokens).problem(), &["relay.target[1].auth.token_url | is http://"]);
}

#[test]
fn settings_for_tls_are_refused_with_plain_http() {
    let plain = "allow_plain_http = true\n";
    let problem = with_url("http://api.example.org/x", &format!("{plain}ca = \"@ca.pem\""));
    assert_has(&problem, &["relay.target[1].ca | is for https"]);
    let pair = format!("{plain}certificate = \"@server.pem\"\nprivate_key = \"@server.key\"");
    assert_has(
        &with_url("http://api.example.org/x", &pair),
        &["relay.target[1].certificate | is for https"],
    );
}

#[test]
fn a_certificate_needs_its_key() {
    let problem = waiting("certificate = \"@server.pem\"").problem();
    assert_has(
        &problem,
        &["relay.target[1].certificate | is set without its private key", "private_key"],
    );
    let problem = waiting("private_key = \"@server.key\"").problem();
    assert_has(&problem, &["relay.target[1].private_key | is set without its certificate"]);
}

#[test]
fn an_address_that_is_not_public_is_refused_unless_it_is_allowed() {
    for host in ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"] {
        let problem = with_url(&format!("https://{host}/x"), "ca = \"@ca.pem\"");
        assert_has(
            &problem,
            &["relay.target[1].url | the target has the address", "which is not public"],
        );
    }
    let allowed = waiting("allow_private = [\"8.0.0.0/8\"]").problem();
    assert_has(&allowed, &["relay.target[1].allow_private | 8.0.0.0/8 is not within"]);
}

#[test]
fn a_target_gets_one_credential() {
    let both = "auth = { bearer_file = \"@secret\", header = \"x-key\", value_file = \"@secret\" }";
    assert_has(
        &waiting(both).problem(),
        &["is another credential than DIR/gate.toml:9: relay.target[1].auth.bearer_file", "keep one"],
    );
}

#[test]
fn a_credential_is_whole() {
    for (auth, missing) in [
        ("header = \"x-key\"", "value_file"),
        ("value_file = \"@secret\"", "header"),
        ("username = \"ada\"", "password_file"),
        ("token_url = \"https://l.example/t\", client_id = \"a\"", "client_secret_file"),
        ("scope = \"a\"", "token_url"),
    ] {
        let problem = waiting(&format!("auth = {{ {auth} }}")).problem();
        assert_has(&problem, &["relay.target[1].auth.", &format!("is set without `{missing}`"), "add "]);
    }
    assert_has(
        &waiting("auth = { }").problem(),
        &["relay.target[1].auth | is empty, so it would send no"],
    );
}

#[test]
fn a_credential_that_cannot_be_sent_is_refused_and_not_quoted() {
    for (auth, content) in [
        ("bearer_file = \"@secret\"", "Bearer Hush"),
        ("bearer_file = \"@secret\"", "Hush Hush"),
        ("bearer_file = \"@secret\"", "Hush\nHush"),
        ("header = \"x-key\", value_file = \"@secret\"", ""),
        ("username = \"a:b\", password_file = \"@secret\"", "Hush"),
    ] {
        let problem = waiting(&format!("auth = {{ {auth} }}")).file("secret", content).problem();
        assert_has(&problem, &["relay.target[1].auth.", "DIR/secret "]);
        assert!(!problem.contains("Hush"), "{problem}");
    }
    let host = "auth = { header = \"host\", value_file = \"@secret\" }";
    assert_has(
        &waiting(host).problem(),
        &["auth.header | `host` is no header that can have a credential"],
    );
}

#[test]
fn the_header_for_the_id_has_nothing_else() {
    for (auth, header) in [
        ("", "Authorization"),
        ("", "Host"),
        ("auth = { header = \"x-a\", value_file = \"@secret\" }", "X-A"),
    ] {
        let problem = waiting(&format!("{auth}\nidempotency_header = \"{header}\"")).problem();
        assert_has(&problem, &["relay.target[1].idempotency_header | ", "cannot have the id"]);
    }
}

#[test]
fn batches_are_for_stored_events() {
    let problem = waiting("batch.count = 5").problem();
    assert_has(&problem, &["relay.target[1].batch.count | puts events together", "\"queue\""]);
    assert_has(&waiting("give_up_after = \"1h\"").problem(), &["give_up_after | is for stored events"]);
}

#[test]
fn wrong_values_are_refused_with_a_hint() {
    for (keys, parts) in [
        ("id = \"eventId\"", ["relay.target[1].id", "body:/POINTER"]),
        ("id = \"same\"", ["relay.target[1].id", "header:NAME"]),
        ("rate = \"60\"", ["`60` is not a rate", "60/1m"]),
        ("done_on = [200]", ["200 does not mean that the target has the event", "409"]),
        ("done_on = [409, 401]", ["401 does not mean", "4xx"]),
        ("batch.form = \"csv\"", ["`csv` is no form of a batch", "ndjson"]),
        ("batch.count = 0", ["is not a whole number from 1", "100"]),
        ("delivery = \"later\"", ["`later` is not one of its values", "use `queue` or `wait`"]),
        ("probe = \"https://x/\"", ["is no path", "/track"]),
        ("allow_private = [\"10.0.0.1/8\"]", ["is an address within a block", "10.0.0.0/8"]),
    ] {
        let text = queueing(keys).problems();
        assert_has(&text, &parts);
    }
}

#[test]
fn unknown_keys_are_answered_with_the_known_one() {
    for (key, meant) in [
        ("urls = \"x\"", "relay.target.url"),
        ("idempotency-header = \"x\"", "relay.target.idempotency_header"),
        ("auth.bearer = \"x\"", "relay.target.auth.bearer_file"),
        ("batch.size = 1", "[relay.target.batch] has"),
    ] {
        let problem = waiting(key).problem();
        assert_has(&problem, &["relay.target[1].", "is no known key", meant]);
    }
    let single = with("[relay.target]\nname = \"a\"").problem();
    assert_has(&single, &["relay.target | is a list of tables, not a table", "[[relay.target]]"]);
    assert_has(&with("[[relay.targets]]\nname = \"a\"").problem(), &["is no known key", "relay.target"]);
}

#[test]
fn a_route_names_a_target_that_is_there_and_nothing_of_an_upstream() {
    let to = |name: &str, keys: &str| {
        let route = format!("[[route]]\npath = \"/a\"\nrelay = \"{name}\"\n{keys}");
        with(&format!(
            "{TARGET}delivery = \"wait\"\nca = \"@ca.pem\"\n{route}\n[[route]]\npath = \"/b\"\nrelay = \"analytics\""
        ))
    };
    let problem = to("analitics", "").problem();
    assert_has(&problem, &["route.relay | there is no target `analitics`", "use one of analytics"]);
    for key in [
        "upstream = \"echo:\"",
        "delivery = \"inbox\"",
        "token_file = \"@token\"",
        "inbox.order = \"any\"",
    ] {
        let problem = to("analytics", key).problem();
        assert_has(&problem, &["is about an upstream", "go to the target `analytics`", "remove it"]);
    }
}
