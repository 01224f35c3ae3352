//! Which paths and methods are open, for which clients, and to which upstream they lead.

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::{Clawgate, ClawgateCommand};

/// A clawgate with these lines in its settings file.
fn configured(pki: &Pki, toml: &str) -> Clawgate {
    ClawgateCommand::new(pki).arg("--config", pki.file("clawgate.toml", toml)).start()
}

/// Asks with `method` for `path`.
fn ask(pki: &Pki, clawgate: &Clawgate, method: &str, path: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    Client::new(pki, clawgate).send(&request)
}

/// An upstream that answers with its own name.
fn named(name: &'static str) -> Backend {
    Backend::each(move |exchange, _| exchange.answer("200 OK", "text/plain", name))
}

#[test]
fn without_settings_posts_below_hooks_are_open_and_nothing_else() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    for path in ["/hooks/wake", "/hooks/agent/x?y=z", "/hooks/"] {
        assert_eq!(ask(&pki, &clawgate, "POST", path).status, 200, "{path}");
    }
    let open = backend.received().len();
    for path in ["/", "/hooks", "/hooksx", "/Hooks/wake", "/health", "/v1/chat"] {
        let answer = ask(&pki, &clawgate, "POST", path);
        assert_eq!((answer.status, &*answer.reason()), (404, "no_route"), "{path}");
    }
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
        connection.write(format!("{method} /hooks/wake HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        let answer = Answer::parse(&connection.head());
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("x-clawgate-reason"), Some("method_not_allowed"), "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    assert_eq!(backend.received().len(), open);
}

#[test]
fn a_closed_path_is_404_and_only_the_log_says_how_to_open_it() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();

    let answer = ask(&pki, &clawgate, "POST", "/plugins/webhooks/x");

    assert_eq!(answer.reason(), "no_route");
    assert_eq!(answer.json()["detail"], "no route is open for /plugins/webhooks/x");
    let line = clawgate.request();
    let detail = line["detail"].as_str().unwrap();
    for part in [
        "no route is open for /plugins/webhooks/x",
        "O=Example,CN=notes",
        "--path /plugins/webhooks/x",
        "CLAWGATE_PATHS",
        "[[route]] path = \"/plugins/webhooks/x\"",
    ] {
        assert!(detail.contains(part), "{part:?} in {detail:?}");
    }
    assert_eq!(line["reason"], "no_route");
    assert_eq!(line["path"], "/plugins/webhooks/x");
    assert_eq!(line["route"], serde_json::Value::Null);
    assert_eq!(backend.connections(), 0);
}

#[test]
fn a_closed_method_is_answered_with_those_that_are_open() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = configured(
        &pki,
        &format!(
            "[upstream]\nurl = \"{}\"\n[[route]]\npath = \"/hooks/\"\nmethods = [\"PUT\", \"POST\"]\n",
            backend.url()
        ),
    );

    let answer = ask(&pki, &clawgate, "DELETE", "/hooks/wake");

    assert_eq!((answer.status, &*answer.reason()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), Some("PUT, POST"));
    assert_eq!(answer.json()["detail"], "/hooks/wake accepts PUT, POST, not DELETE");
    let line = clawgate.request();
    let detail = line["detail"].as_str().unwrap();
    for part in ["PUT, POST", "O=Example,CN=notes", "--method DELETE"] {
        assert!(detail.contains(part), "{part:?} in {detail:?}");
    }
    assert_eq!(line["reason"], "method_not_allowed");
    assert_eq!(backend.connections(), 0);
    assert_eq!(ask(&pki, &clawgate, "PUT", "/hooks/wake").status, 200);
}

#[test]
fn any_method_but_connect_passes_where_any_is_open() {
    let pki = Pki::new();
    let backend = named("x");
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--method", "any").start();

    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "FROBNICATE"] {
        assert_eq!(ask(&pki, &clawgate, method, "/hooks/wake").status, 200, "{method}");
        let received = backend.received().pop().unwrap();
        assert_eq!(received.request_line(), format!("{method} /hooks/wake HTTP/1.1"));
    }
    let connect =
        Client::new(&pki, &clawgate).send("CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n");
    assert_eq!(connect.reason(), "upgrade_refused");
}

#[test]
fn the_most_specific_path_takes_the_request() {
    let pki = Pki::new();
    let (all, hooks, wake) = (named("all"), named("hooks"), named("wake"));
    let clawgate = configured(
        &pki,
        &format!(
            "[[route]]\npath = \"/hooks/\"\nupstream = \"{}\"\n\
             [[route]]\npath = \"/\"\nupstream = \"{}\"\n\
             [[route]]\npath = \"/hooks/wake\"\nupstream = \"{}\"\n",
            hooks.url(),
            all.url(),
            wake.url()
        ),
    );

    let cases = [
        ("/hooks/wake", "wake", &wake),
        ("/hooks/wake?x=/", "wake", &wake),
        ("/hooks/wake/x", "hooks", &hooks),
        ("/hooks/wakeup", "hooks", &hooks),
        ("/hooks/", "hooks", &hooks),
        ("/hooks", "all", &all),
        ("/", "all", &all),
    ];
    for (i, (path, name, backend)) in cases.into_iter().enumerate() {
        let answer = ask(&pki, &clawgate, "POST", path);
        assert_eq!(answer.body, name.as_bytes(), "{path}");
        let upstream = clawgate.event("request", i + 1)["upstream"].as_str().unwrap().to_owned();
        assert_eq!(upstream.trim_end_matches('/'), backend.url(), "{path}");
    }
}

#[test]
fn an_exact_path_is_not_to_be_had_with_a_slash_at_its_end() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki)
        .upstream(backend.url())
        .arg("--path", "/hooks/")
        .arg("--path", "/hooks/wake")
        .start();

    let answer = ask(&pki, &clawgate, "POST", "/hooks/wake/");

    assert_eq!((answer.status, &*answer.reason()), (404, "no_route"));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("/hooks/wake/ is not /hooks/wake"), "{detail:?}");
    assert_eq!(backend.connections(), 0);
    assert_eq!(ask(&pki, &clawgate, "POST", "/hooks/wake").status, 200);
    assert_eq!(ask(&pki, &clawgate, "POST", "/hooks/agent/").status, 200);
}

#[test]
fn an_exact_path_is_not_to_be_had_in_another_spelling() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = configured(
        &pki,
        &format!(
            "[upstream]\nurl = \"{}\"\n[[route]]\npath = \"/hooks/\"\n\
             [[route]]\npath = \"/hooks/team:a\"\nallow = [\"cn=nobody\"]\n\
             [[route]]\npath = \"/hooks/%7Bx%7D\"\nallow = [\"cn=nobody\"]\n",
            backend.url()
        ),
    );

    let cases = [
        ("/hooks/team%3Aa", "/hooks/team:a"),
        ("/hooks/team%3aa", "/hooks/team:a"),
        ("/hooks/team%3Aa/", "/hooks/team:a"),
        ("/hooks/%7bx%7D", "/hooks/%7Bx%7D"),
        ("/hooks/%7bx%7d/", "/hooks/%7Bx%7D"),
    ];
    for (i, (path, exact)) in cases.into_iter().enumerate() {
        let answer = ask(&pki, &clawgate, "POST", path);
        assert_eq!((answer.status, &*answer.reason()), (404, "no_route"), "{path}");
        let line = clawgate.event("request", i + 1);
        let detail = line["detail"].as_str().unwrap();
        assert!(detail.ends_with(&format!("send {exact}")), "{detail:?}");
    }
    assert_eq!(ask(&pki, &clawgate, "POST", "/hooks/team:a").reason(), "identity_not_allowed");
    assert_eq!(backend.connections(), 0);
}

#[test]
fn a_prefix_takes_its_paths_in_any_spelling_and_passes_them_as_they_were_sent() {
    let pki = Pki::new();
    let (hooks, team) = (named("hooks"), named("team"));
    let clawgate = configured(
        &pki,
        &format!(
            "[[route]]\npath = \"/hooks/\"\nupstream = \"{}\"\n\
             [[route]]\npath = \"/hooks/team:a/\"\nupstream = \"{}\"\n",
            hooks.url(),
            team.url()
        ),
    );

    for (path, name, backend) in [
        ("/hooks/team:a/x", "team", &team),
        ("/hooks/team%3Aa/x", "team", &team),
        ("/hooks/team%3aa/x?a[]={b|c}", "team", &team),
        ("/hooks/user%40b.example", "hooks", &hooks),
        ("/hooks/caf%c3%a9", "hooks", &hooks),
    ] {
        assert_eq!(ask(&pki, &clawgate, "POST", path).body, name.as_bytes(), "{path}");
        let received = backend.received().pop().unwrap();
        assert_eq!(received.request_line(), format!("POST {path} HTTP/1.1"));
    }
}

#[test]
fn a_narrow_routes_refusal_does_not_fall_through_to_a_wider_route() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = configured(
        &pki,
        &format!(
            "[upstream]\nurl = \"{}\"\n[[route]]\npath = \"/hooks/\"\nmethods = [\"any\"]\n\
             [[route]]\npath = \"/hooks/agent\"\nallow = [\"cn=agent\"]\n",
            backend.url()
        ),
    );

    assert_eq!(ask(&pki, &clawgate, "GET", "/hooks/agent").reason(), "method_not_allowed");
    assert_eq!(ask(&pki, &clawgate, "POST", "/hooks/agent").reason(), "identity_not_allowed");
    assert_eq!(backend.connections(), 0);
}

#[test]
fn a_route_is_open_to_those_its_rules_name_and_the_log_names_the_closest_rule() {
    let pki = Pki::new();
    let agent = pki.client(Leaf::client("agent"));
    let backend = Backend::ok();
    let clawgate = configured(
        &pki,
        &format!(
            "[upstream]\nurl = \"{}\"\n[[route]]\npath = \"/hooks/wake\"\n\
             [[route]]\npath = \"/hooks/agent\"\nallow = [\"cn=agent, o=Example\", \"dns=other.example\"]\n",
            backend.url()
        ),
    );

    let refused = Client::new(&pki, &clawgate).post("/hooks/agent", "{}");

    assert_eq!((refused.status, &*refused.reason()), (403, "identity_not_allowed"));
    let told = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.contains("O=Example,CN=notes") && told.contains("/hooks/agent"), "{told:?}");
    // Whom it would admit is the operator's business.
    assert!(!told.contains("agent, o=") && !told.contains("other.example"), "{told:?}");
    let line = clawgate.request();
    assert_eq!(line["reason"], "identity_not_allowed");
    assert_eq!(line["route"], "/hooks/agent");
    let logged = line["detail"].as_str().unwrap();
    let nearest = "nearest is [cn=agent, o=Example]: cn=agent is asked for, but it has cn=notes";
    assert!(logged.contains(nearest), "{logged:?}");
    assert_eq!(backend.connections(), 0);

    assert_eq!(Client::with_identity(&pki, &clawgate, &agent).post("/hooks/agent", "{}").status, 200);
    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
}

#[test]
fn the_hook_token_goes_to_the_default_upstream_alone() {
    let pki = Pki::new();
    pki.file("hook", "hook-token");
    pki.file("other", "other-token");
    let (main, plain, own, off) = (Backend::ok(), Backend::ok(), Backend::ok(), Backend::ok());
    let clawgate = configured(
        &pki,
        &format!(
            "[upstream]\nurl = \"{}\"\ntoken_file = \"{dir}/hook\"\n\
             [[route]]\npath = \"/hooks/\"\n\
             [[route]]\npath = \"/plain/\"\nupstream = \"{}\"\n\
             [[route]]\npath = \"/own/\"\nupstream = \"{}\"\ntoken_file = \"{dir}/other\"\n\
             [[route]]\npath = \"/off/\"\nupstream = \"{}\"\n[[route]]\npath = \"/main/off/\"\ninject_token = false\n",
            main.url(),
            plain.url(),
            own.url(),
            off.url(),
            dir = pki.dir().display(),
        ),
    );
    let post = |path: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer mine\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(Client::new(&pki, &clawgate).send(&request).status, 200, "{path}");
    };
    let authorization = |backend: &Backend| {
        let received = backend.received().pop().unwrap();
        received.values("authorization").join("; ")
    };

    post("/hooks/wake");
    assert_eq!(authorization(&main), "Bearer hook-token");
    post("/plain/x");
    assert_eq!(authorization(&plain), "Bearer mine");
    post("/own/x");
    assert_eq!(authorization(&own), "Bearer other-token");
    post("/main/off/x");
    assert_eq!(authorization(&main), "Bearer mine");
    post("/off/x");
    assert_eq!(authorization(&off), "Bearer mine");
    let counts = [&main, &plain, &own, &off].map(|backend| backend.received().len());
    assert_eq!(counts, [2, 1, 1, 1]);
}

#[test]
fn each_route_has_its_own_limit_on_bodies() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = configured(
        &pki,
        &format!(
            "[upstream]\nurl = \"{}\"\n[limits]\nbody = 10\n[[route]]\npath = \"/hooks/\"\n\
             [[route]]\npath = \"/large/\"\n[route.limits]\nbody = 20\n",
            backend.url()
        ),
    );

    for (path, length, status) in
        [("/hooks/x", 10, 200), ("/hooks/x", 11, 413), ("/large/x", 20, 200), ("/large/x", 21, 413)]
    {
        let answer = Client::new(&pki, &clawgate).post(path, &"x".repeat(length));
        assert_eq!(answer.status, status, "{length} to {path}");
    }
    assert_eq!(backend.received().len(), 2);
}
