//! Requests that could mean two things, or lead past the checks: refused, with nothing at the upstream.

use rcgen::SanType;

use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::gate::{Gate, GateCommand};
use crate::support::pki::{Leaf, Pki};
use crate::support::sender::{Answer, Connection, Sender};

/// A gate before an upstream that must not be reached, and what was logged of it so far.
struct Scene {
    pki: Pki,
    backend: Backend,
    gate: Gate,
    requests: usize,
}

impl Scene {
    fn new() -> Self {
        let pki = Pki::new();
        let backend = Backend::ok();
        let gate = GateCommand::new(&pki).upstream(backend.url()).start();
        Self { pki, backend, gate, requests: 0 }
    }

    fn connect(&self) -> Connection {
        Sender::new(&self.pki, &self.gate).connect().unwrap()
    }

    /// Sends `request` on a connection of its own and expects this refusal: at the sender, in the log,
    /// and not at the upstream.
    fn refuses(&mut self, request: impl AsRef<[u8]>, status: u16, reason: &str) -> (Answer, Connection) {
        let shown = String::from_utf8_lossy(request.as_ref()).chars().take(200).collect::<String>();
        let mut connection = self.connect();
        connection.write(request.as_ref());
        let answer = connection.answer();
        assert_eq!(answer.status, status, "{shown:?}");
        assert_eq!(answer.reason(), reason, "{shown:?}");
        self.requests += 1;
        let line = self.gate.event("request", self.requests);
        assert_eq!(line["status"], status, "{shown:?}");
        assert_eq!(line["reason"], reason, "{shown:?}");
        assert_eq!(line["id"], answer.json()["id"], "{shown:?}");
        assert_eq!(self.backend.connections(), 0, "{shown:?}");
        (answer, connection)
    }

    /// The same where nothing can be understood after the request.
    fn breaks_off(&mut self, request: impl AsRef<[u8]>, status: u16, reason: &str) {
        let (answer, mut connection) = self.refuses(request, status, reason);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(connection.is_closed());
    }
}

/// A request with these fields after a Host, and what follows them.
fn post(rest: &str) -> String {
    format!("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\n{rest}")
}

/// A request for `target` without a body.
fn to(target: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn a_request_has_one_host_and_it_is_a_host() {
    let mut scene = Scene::new();
    for fields in [
        "",
        "Host: localhost\r\nHost: localhost\r\n",
        "Host: localhost\r\nX: y\r\nhost: other.example\r\n",
        "Host: user@localhost\r\n",
        "Host: user:secret@localhost\r\n",
        "Host: local host\r\n",
        "Host: localhost/hooks\r\n",
        "Host: \r\n",
        "Host: :8443\r\n",
        "Host: localhost:80x\r\n",
        "Host: localhost:\r\n",
        "Host: localhost:65536\r\n",
        "Host: localhost:80:80\r\n",
        "Host: localhost,evil.example\r\n",
        "Host: localhost;evil\r\n",
        "Host: localhost%00.example\r\n",
        "Host: localhost..\r\n",
        "Host: .localhost\r\n",
        "Host: {localhost}\r\n",
        "Host: *\r\n",
        "Host: 127.1\r\n",
        "Host: 0x7f000001\r\n",
        "Host: 127.0.0.1.\r\n",
        "Host: [::1\r\n",
        "Host: [::1]80\r\n",
        "Host: [::1%25lo]\r\n",
        "Host: [127.0.0.1]\r\n",
        "Host: ::1\r\n",
        "Host: b\u{fc}cher.example\r\n",
    ] {
        let request = format!("POST /hooks/wake HTTP/1.1\r\n{fields}Content-Length: 0\r\n\r\n");
        scene.refuses(request, 400, "bad_host");
    }
    scene.refuses("POST /hooks/wake HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 400, "bad_host");
}

#[test]
fn an_absolute_target_must_agree_with_the_host_and_arrives_as_a_path() {
    let mut scene = Scene::new();

    scene.refuses(to("http://other.example/hooks/wake"), 400, "bad_host");
    scene.refuses(to("http://user@localhost/hooks/wake"), 400, "bad_host");
    for host in ["localhost:80x", "localhost:65536", "localhost,evil.example", "localhost:", "127.1"] {
        let alike = format!(
            "POST http://{host}/hooks/wake HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"
        );
        scene.refuses(alike, 400, "bad_host");
    }
    scene.refuses(to("http://localhost/hooks/../wake"), 400, "bad_path");

    let answer = Sender::new(&scene.pki, &scene.gate).send(&to("https://localhost/hooks/wake?a=b"));
    assert_eq!(answer.status, 200);
    assert_eq!(scene.backend.first().request_line(), "POST /hooks/wake?a=b HTTP/1.1");
    assert_eq!(scene.backend.first().value("host"), Some("localhost"));
}

#[test]
fn a_body_whose_end_is_given_twice_is_refused() {
    let mut scene = Scene::new();
    for rest in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "Content-Length: 2\r\nContent-Length: 1\r\n\r\n{}",
        "Content-Length: 2\r\nX: y\r\ncontent-length: 2\r\n\r\n{}",
        "Content-Length: 2, 2\r\n\r\n{}",
    ] {
        scene.breaks_off(post(rest), 400, "bad_framing");
    }
}

#[test]
fn a_length_is_digits_only() {
    let mut scene = Scene::new();
    for length in ["+1", "-1", "0x1", "1.0", "1 1", "", "a", "99999999999999999999999"] {
        scene.breaks_off(post(&format!("Content-Length: {length}\r\n\r\n{{")), 400, "bad_framing");
    }
}

#[test]
fn a_transfer_encoding_is_chunked_and_nothing_else() {
    let mut scene = Scene::new();
    for fields in [
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\r\n",
    ] {
        scene.breaks_off(post(&format!("{fields}\r\n0\r\n\r\n")), 400, "bad_framing");
    }
    // HTTP/1.0 has no chunked.
    let old =
        "POST /hooks/wake HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    scene.breaks_off(old, 400, "bad_framing");
}

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
    assert!(!scene.gate.lines().iter().any(|line| line.contains("hush")));
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
    assert_eq!(Sender::new(&scene.pki, &scene.gate).send(&request).status, 200);
    assert_eq!(scene.backend.first().value("x"), Some(&*value));
    // Host and Content-Length are fields too.
    let request = post(&format!("{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(98)));
    assert_eq!(Sender::new(&scene.pki, &scene.gate).send(&request).status, 200);
}

#[test]
fn chunks_that_are_broken_from_the_start_do_not_reach_the_upstream() {
    let mut scene = Scene::new();
    for body in [
        "x\r\n",
        "-1\r\n",
        "\r\n",
        "0x1\r\na\r\n",
        "1\r\nab\r\n",
        "1\na\r\n",
        "1\r\na\n",
        "fffffffffffffffff\r\n",
    ] {
        let reason =
            if body.contains("1\n") || body.contains("a\n") { "bad_request" } else { "bad_framing" };
        scene.breaks_off(post(&format!("Transfer-Encoding: chunked\r\n\r\n{body}")), 400, reason);
    }
}

#[test]
fn chunks_that_break_later_never_make_a_complete_request() {
    let pki = Pki::new();
    let backend = Backend::script(|mut exchange| while exchange.request().is_some() {});
    let gate = GateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = Sender::new(&pki, &gate).connect().unwrap();

    connection.write(post("Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").as_bytes());
    eventually("the upstream's connection", || (backend.connections() == 1).then_some(()));
    connection.write(b"zz\r\n");

    let answer = connection.answer();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.reason(), "bad_framing");
    assert!(connection.is_closed());
    assert_eq!(gate.request()["reason"], "bad_framing");
    assert!(backend.received().is_empty());
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
    assert_eq!(scene.gate.request()["protocol"], "HTTP/1.0");
}

#[test]
fn a_host_other_than_the_handshakes_is_misdirected_where_the_certificate_has_several() {
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let ask = |pki: &Pki, gate: &Gate, host: &str| {
        let request = format!("POST /hooks/wake HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        Sender::new(pki, gate).named("a.example").send(&request)
    };
    for (names, status) in [(vec!["a.example", "b.example"], 421), (vec!["a.example"], 200)] {
        let mut pki = Pki::new();
        let names = names.into_iter().map(dns).collect();
        pki.server = Leaf::server().sans(names).issued_by(&pki.intermediate, &[&pki.intermediate]);
        let backend = Backend::ok();
        let gate = GateCommand::new(&pki).upstream(backend.url()).start();

        let answer = ask(&pki, &gate, "b.example:8443");

        assert_eq!(answer.status, status);
        if status == 421 {
            assert_eq!(answer.reason(), "misdirected_request");
            assert_eq!(gate.request()["reason"], "misdirected_request");
            assert_eq!(backend.connections(), 0);
        }
        assert_eq!(ask(&pki, &gate, "A.example.:8443").status, 200);
    }
}

#[test]
fn a_host_other_than_the_handshakes_is_misdirected_where_the_certificate_has_a_wildcard() {
    let mut pki = Pki::new();
    let wildcard = vec![SanType::DnsName("*.example.org".try_into().unwrap())];
    pki.server = Leaf::server().sans(wildcard).issued_by(&pki.intermediate, &[&pki.intermediate]);
    let backend = Backend::ok();
    let gate = GateCommand::new(&pki).upstream(backend.url()).start();
    let ask = |host: &str| {
        let request = format!("POST /hooks/wake HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        Sender::new(&pki, &gate).named("a.example.org").send(&request)
    };

    let answer = ask("b.example.org");

    assert_eq!((answer.status, &*answer.reason()), (421, "misdirected_request"));
    assert_eq!(gate.request()["reason"], "misdirected_request");
    assert_eq!(backend.connections(), 0);
    assert_eq!(ask("a.example.org").status, 200);
}
