use super::support::{Sources, assert_has, texts};

#[test]
fn without_tables_one_route_is_open_for_each_path_of_flags_or_environment() {
    let sources = Sources::minimal().env("CLAWGATE_PATHS", "/a/,/b").env("CLAWGATE_METHODS", "POST,PUT");
    let routes = sources.settings().reloadable.routes;
    let shown: Vec<_> = routes.iter().map(|route| format!("{} {}", route.methods, route.path)).collect();
    assert_eq!(shown, ["POST, PUT /a/", "POST, PUT /b"]);
}

#[test]
fn each_table_is_a_route_with_its_own_rights_and_limits() {
    let sources = Sources::minimal().toml(
        r#"
        [[route]]
        path = "/a"
        methods = "any"
        allow = "cn=a"
        limits.body = "1KiB"
        [[route]]
        path = "/b"
        allow = ["cn=b, o=Example", "cn=c"]
        [route.limits]
        body = 5
        [[route]]
        path = "/c"
        "#,
    );
    let routes = sources.settings().reloadable.routes;
    let [a, b, c] = &routes[..] else { panic!("{routes:?}") };
    assert_eq!(
        (a.methods.to_string(), texts(a.rules.allow()), a.max_body),
        ("any".into(), vec!["cn=a".into()], 1024)
    );
    assert_eq!(texts(b.rules.allow()), ["cn=b, o=Example", "cn=c"]);
    assert_eq!(b.max_body, 5);
    assert_eq!((c.methods.to_string(), c.rules.is_empty(), c.max_body), ("POST".into(), true, 262_144));
}

#[test]
fn methods_from_outside_hold_for_tables_that_name_none() {
    let toml = "[[route]]\npath = \"/a\"\n[[route]]\npath = \"/b\"\nmethods = [\"GET\"]";
    let sources = Sources::minimal().toml(toml).flag("--method", "PUT");
    let routes = sources.settings().reloadable.routes;
    assert_eq!(routes[0].methods.to_string(), "PUT");
    assert_eq!(routes[1].methods.to_string(), "GET");
    assert!(sources.warnings().is_empty());

    let toml = "[[route]]\npath = \"/b\"\nmethods = [\"GET\"]";
    let sources = Sources::minimal().toml(toml).flag("--method", "PUT");
    assert_has(&sources.warnings()[0], &["--method | has no effect"]);
}

#[test]
fn paths_from_outside_replace_the_tables_and_a_warning_says_so() {
    let sources =
        Sources::minimal().toml("\n[[route]]\npath = \"/a\"\nallow = [\"cn=a\"]").flag("--path", "/b");
    let routes = sources.settings().reloadable.routes;
    assert_eq!(routes.len(), 1);
    assert_eq!(routes[0].path.to_string(), "/b");
    assert!(routes[0].rules.is_empty());
    let warnings = sources.warnings();
    assert_has(&warnings[0], &["--path | replaces the whole list", "DIR/gate.toml:2", "their rules"]);
}

#[test]
fn two_routes_must_not_share_a_path_and_a_method() {
    let tables = |first: &str, second: &str| {
        let toml = format!(
            "[[route]]\npath = \"/a\"\nmethods = {first}\n[[route]]\npath = \"/a\"\nmethods = {second}"
        );
        Sources::minimal().toml(&toml)
    };
    let problem = tables("[\"POST\", \"PUT\"]", "\"PUT\"").problem();
    assert_has(
        &problem,
        &["gate.toml:5: route.path |", "`/a` with PUT", "DIR/gate.toml:2: route.path has it"],
    );
    assert_has(&tables("\"any\"", "\"GET\"").problem(), &["is open twice"]);
    assert_eq!(tables("\"POST\"", "\"GET\"").settings().reloadable.routes.len(), 2);
    let twice = Sources::minimal().flag("--path", "/a").flag("--path", "/a");
    assert_has(&twice.problem(), &["--path |", "is open twice"]);
}

#[test]
fn a_route_with_its_own_upstream_does_not_get_the_shared_token() {
    let sources = Sources::minimal().env("CLAWGATE_HOOK_TOKEN", "shared").file("own", "own\n");
    let own = sources.path("own");
    let sources = sources.toml(&format!(
        r#"
        [[route]]
        path = "/shared"
        [[route]]
        path = "/away"
        upstream = "http://other:1"
        [[route]]
        path = "/away-with-token"
        upstream = "http://other:1"
        token_file = {own:?}
        [[route]]
        path = "/here-with-another"
        token = "another"
        [[route]]
        path = "/clients-own"
        inject_token = false
        "#
    ));
    let routes = sources.settings().reloadable.routes;
    let shown = |i: usize| {
        let upstream = &routes[i].upstream;
        let token =
            upstream.token.as_ref().map(|token| token.authorization().to_str().unwrap().to_owned());
        (upstream.target.to_string(), token, upstream.token_origin.clone())
    };
    let openclaw = "http://127.0.0.1:18789".to_owned();
    let other = "http://other:1".to_owned();
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    assert_eq!(shown(0), (openclaw.clone(), bearer("shared"), "CLAWGATE_HOOK_TOKEN".to_owned()));
    assert_eq!(shown(1), (other.clone(), None, "route.token_file".to_owned()));
    let (target, token, origin) = shown(2);
    assert_eq!((target, token), (other, bearer("own")));
    assert!(origin.ends_with(&format!(": route.token_file {}", own.display())), "{origin}");
    assert_eq!(shown(3).1, bearer("another"));
    assert_eq!(shown(4), (openclaw, None, "route.token_file".to_owned()));
}

#[test]
fn inject_token_must_fit_the_tokens() {
    let route = |rest: &str| Sources::minimal().toml(&format!("[[route]]\npath = \"/a\"\n{rest}"));
    let problem = route("inject_token = true").problem();
    assert_has(&problem, &["gate.toml:3: route.inject_token | is true, but", "token_file"]);
    let problem = route("inject_token = false\ntoken = \"s3cret\"").problem();
    assert_has(
        &problem,
        &["gate.toml:3: route.inject_token | is false, but", "gate.toml:4: route.token"],
    );
    let problem = route("inject_token = \"no\"").problem();
    assert_has(&problem, &["gate.toml:3:", "is a string, not true or false", "inject_token = true"]);
}

#[test]
fn routes_alike_have_equal_upstreams() {
    let sources = Sources::minimal().flag("--path", "/a").flag("--path", "/b");
    let routes = sources.env("CLAWGATE_HOOK_TOKEN", "x").settings().reloadable.routes;
    assert_eq!(routes[0].upstream, routes[1].upstream);
}

#[test]
fn bodies_that_openclaw_refuses_are_warned_of() {
    let sources = Sources::minimal().flag("--max-body", "1MiB");
    let warnings = sources.warnings();
    assert_has(&warnings[0], &["`/hooks/` takes bodies up to 1MiB", "262144"]);
    assert!(sources.flag("--upstream", "unix:/run/x").warnings().is_empty());
}

#[test]
fn an_upstream_ca_is_for_https_alone() {
    let sources = Sources::minimal();
    let ca = sources.path("ca.pem");
    let sources = sources.env("CLAWGATE_UPSTREAM_CA", ca);
    assert_has(&sources.problem(), &["CLAWGATE_UPSTREAM_CA | is for https upstreams"]);
    let sources =
        sources.toml("[[route]]\npath = \"/a\"\n[[route]]\npath = \"/b\"\nupstream = \"https://other\"");
    let routes = sources.settings().reloadable.routes;
    assert_eq!(routes[0].upstream.ca, None);
    assert!(routes[1].upstream.ca.is_some());
    assert!(routes[0].upstream.secure.is_none() && routes[1].upstream.secure.is_some());
}

#[test]
fn a_path_longer_than_the_longest_that_is_taken_could_never_match() {
    let sources = Sources::minimal().flag("--path", format!("/{}", "x".repeat(100)));
    assert!(sources.warnings().is_empty());
    let short = sources.toml("limits.uri = \"64B\"");
    assert_has(&short.problem(), &["--path", "can never match: it has 101 bytes", "raise limits.uri"]);
}

#[test]
fn a_segment_that_looks_like_a_placeholder_is_warned_of() {
    let sources = Sources::minimal().flag("--path", "/hooks/:name/x");
    assert_has(&sources.warnings()[0], &["--path", "`:name` is no placeholder", "end it with a slash"]);
    assert!(Sources::minimal().flag("--path", "/hooks/team:a").warnings().is_empty());
}
