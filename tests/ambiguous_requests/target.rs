//! Path, query and fragment of a request.

use super::{Scene, to};

#[test]
fn a_path_that_could_be_read_in_two_ways_is_refused() {
    let mut scene = Scene::new();
    for target in [
        "/hooks/../wake",
        "/hooks/..",
        "/hooks/./wake",
        "/hooks/%2e%2e/wake",
        "/hooks/%2E%2e/wake",
        "/hooks/.%2e/wake",
        "/hooks/..\\wake",
        "/hooks\\wake",
        "/hooks/%5cwake",
        "/hooks%2fwake",
        "/hooks/%2Fwake",
        "//hooks/wake",
        "/hooks//wake",
        "/hooks/wake%00",
        "/hooks/wake%0a",
        "/hooks/wake%0d%0aX:y",
        "/hooks/%7f",
        "/hooks/w%61ke",
        "/%68ooks/wake",
        "/hooks/%",
        "/hooks/%6",
        "/hooks/%zz",
        "/hooks/w\u{e4}ke",
        "*",
    ] {
        scene.refuses(to(target), 400, "bad_path");
    }
    let latin1 = b"POST /hooks/w\xe4ke HTTP/1.1\r\nHost: localhost\r\n\r\n";
    scene.refuses(latin1, 400, "bad_path");
    for target in ["/hooks/<x>", "/hooks/`", "/hooks/\x7f", "/hooks/\t"] {
        scene.refuses(to(target), 400, "bad_path");
    }
    for target in ["/hooks/{x}", "/hooks/a|b", "/hooks/a^", "/hooks/\"", "/hooks/[x]", "/hooks/a}b"] {
        scene.refuses(to(target), 400, "bad_path");
    }
    for target in ["/hooks/%ff", "/hooks/%C0%AF", "/hooks/%ED%A0%80", "/hooks/..;/x", "/hooks/.;a=b/x"] {
        scene.refuses(to(target), 400, "bad_path");
    }
    scene.refuses("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "bad_path");
}

#[test]
fn a_target_with_a_fragment_is_refused() {
    let mut scene = Scene::new();
    for target in ["/hooks/wake#x", "/hooks/wake?a#token=x", "#"] {
        scene.breaks_off(to(target), 400, "bad_path");
    }
}

#[test]
fn a_token_in_the_query_is_refused_and_not_logged() {
    let mut scene = Scene::new();
    for query in ["token=hush", "%74oken=hush", "a=b&token=hush", "Token=hush", "t%6FKen=hush&a"] {
        scene.refuses(to(&format!("/hooks/wake?{query}")), 400, "token_in_query");
    }
    assert!(!scene.clawgate.lines().iter().any(|line| line.contains("hush")));
}
