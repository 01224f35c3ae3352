//! The head of a request as a whole: its lines, its size, its method and version.

use super::{Scene, post, to};
use crate::support::client::Client;

#[test]
fn a_line_that_others_may_end_elsewhere_is_refused() {
    let mut scene = Scene::new();
    for request in [
        "POST /hooks/wake HTTP/1.1\nHost: localhost\n\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX: a\rY: b\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\rHost: localhost\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\n Host: localhost\r\n\r\n",
    ] {
        scene.breaks_off(request, 400, "bad_request");
    }
}

#[test]
fn what_is_no_request_at_all_is_refused() {
    let mut scene = Scene::new();
    for request in [
        "G@RBAGE /hooks/wake HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /hooks/wake\r\nHost: localhost\r\n\r\n",
        "POST  /hooks/wake HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /hooks/wake HTTP/1.1 \r\nHost: localhost\r\n\r\n",
        "POST /hooks/wake HTTP/2.0\r\nHost: localhost\r\n\r\n",
        "POST /hooks/wake HTTP/1.2\r\nHost: localhost\r\n\r\n",
        "POST /hooks/wake http/1.1\r\nHost: localhost\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX-One : y\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX One: y\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\n: y\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nX: a\x01b\r\n\r\n",
        "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x01\x02\x03\r\n\r\n",
    ] {
        scene.breaks_off(request, 400, "bad_request");
    }
}

#[test]
fn nothing_opens_a_tunnel() {
    let mut scene = Scene::new();
    let upgrade = |to: &str| format!("Upgrade: {to}\r\nContent-Length: 0\r\n");
    scene.breaks_off(
        "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        405,
        "upgrade_refused",
    );
    for fields in [
        format!("Connection: Upgrade\r\n{}", upgrade("websocket")),
        format!("Connection: keep-alive, upgrade\r\n{}", upgrade("WebSocket")),
        format!("Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n{}", upgrade("h2c")),
        upgrade("anything"),
    ] {
        scene.breaks_off(post(&format!("{fields}\r\n")), 400, "upgrade_refused");
        let get = format!("GET /hooks/wake HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        scene.breaks_off(get, 400, "upgrade_refused");
    }
}

#[test]
fn an_expectation_other_than_100_continue_fails() {
    let mut scene = Scene::new();
    for value in ["200-ok", "100-continue, 200-ok", "100-continued"] {
        scene.refuses(
            post(&format!("Expect: {value}\r\nContent-Length: 0\r\n\r\n")),
            417,
            "expectation_failed",
        );
    }
}

#[test]
fn a_head_over_12_kib_or_with_over_100_fields_is_too_large() {
    let mut scene = Scene::new();
    let long = format!("X: {}\r\n\r\n", "a".repeat(12 * 1024));
    scene.breaks_off(post(&long), 431, "headers_too_large");
    scene.breaks_off(to(&format!("/hooks/{}", "a".repeat(12 * 1024))), 431, "headers_too_large");
    let endless = post(&format!("X: {}\r\n", "y".repeat(250)).repeat(12 * 1024 / 250));
    scene.breaks_off(endless, 431, "headers_too_large");
    scene.breaks_off(post(&format!("{}\r\n", "X: y\r\n".repeat(100))), 431, "headers_too_large");
}

#[test]
fn the_largest_head_that_is_taken_arrives() {
    let scene = Scene::new();
    let request = post("Content-Length: 0\r\nX: \r\n\r\n");
    let value = "a".repeat(12 * 1024 - request.len());
    let request = request.replace("X: ", &format!("X: {value}"));
    assert_eq!(Client::new(&scene.pki, &scene.clawgate).send(&request).status, 200);
    assert_eq!(scene.backend.first().value("x"), Some(&*value));
    // Host and Content-Length are fields too.
    let request = post(&format!("{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(98)));
    assert_eq!(Client::new(&scene.pki, &scene.clawgate).send(&request).status, 200);
}

#[test]
fn an_unknown_method_is_not_allowed() {
    let mut scene = Scene::new();
    for method in ["FROBNICATE", "post", "TRACE", "GET"] {
        let request = format!("{method} /hooks/wake HTTP/1.1\r\nHost: localhost\r\n\r\n");
        scene.refuses(request, 405, "method_not_allowed");
    }
}

#[test]
fn http_1_0_is_taken_and_its_connection_closed() {
    let scene = Scene::new();
    let mut connection = scene.connect();

    connection.write(b"POST /hooks/wake HTTP/1.0\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");

    assert_eq!(connection.answer().status, 200);
    assert!(connection.is_closed());
    assert_eq!(scene.backend.first().request_line(), "POST /hooks/wake HTTP/1.1");
    assert_eq!(scene.clawgate.request()["protocol"], "HTTP/1.0");
}
