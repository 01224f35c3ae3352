//! HTTP/2 clients: forwarding and refusals are the same as for HTTP/1.1.

use std::sync::Mutex;
use std::sync::mpsc;

use http::Request;

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client, Connection};
use crate::support::frames::{
    DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PING, RST_STREAM, SETTINGS, frame, read_frame,
};
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::unused_port;

/// More than the windows of a stream and a connection hold at first.
const LARGE: &[u8] = &[b'x'; 1024 * 1024];

fn open(backend: &Backend) -> (Pki, Clawgate, Http2) {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let connection = Http2::connect(Client::new(&pki, &clawgate));
    (pki, clawgate, connection)
}

fn post(path: &str) -> http::request::Builder {
    Request::post(format!("https://localhost:8443{path}"))
}

#[test]
fn a_request_arrives_as_http_1_1_with_the_authority_as_its_host() {
    let backend = Backend::ok();
    let (_pki, clawgate, connection) = open(&backend);
    let request = post("/hooks/wake?a=%20b&c").header("content-type", "application/json");

    let answer = connection.send(request.body(Pieces::of([b"{\"text\":", b"1}"])).unwrap());

    assert_eq!((answer.status, answer.body.as_slice()), (200, &br#"{"ok":true}"#[..]));
    let received = backend.first();
    assert_eq!(received.request_line(), "POST /hooks/wake?a=%20b&c HTTP/1.1");
    assert_eq!(received.values("host"), ["localhost:8443"]);
    assert_eq!(received.values("content-type"), ["application/json"]);
    assert_eq!(received.values("x-clawgate-client-cn"), ["notes"]);
    assert_eq!(received.body, b"{\"text\":1}");
    let line = clawgate.request();
    assert_eq!(line["protocol"], "HTTP/2");
    assert_eq!(received.value("x-request-id"), line["id"].as_str());
}

#[test]
fn a_body_with_a_declared_length_keeps_it() {
    let backend = Backend::ok();
    let (_pki, _clawgate, connection) = open(&backend);
    let request = post("/hooks/wake").header("content-length", "4");

    assert_eq!(connection.send(request.body(Pieces::of([b"{", b"\"\"}"])).unwrap()).status, 200);

    assert_eq!(backend.first().values("content-length"), ["4"]);
    assert_eq!(backend.first().value("transfer-encoding"), None);
    assert_eq!(backend.first().body, b"{\"\"}");
}

#[test]
fn split_cookies_arrive_as_one() {
    let backend = Backend::ok();
    let (_pki, _clawgate, connection) = open(&backend);
    let request = post("/hooks/wake").header("cookie", "a=b").header("cookie", "c=d");

    connection.send(request.body(Pieces::none()).unwrap());

    assert_eq!(backend.first().values("cookie"), ["a=b; c=d"]);
}

#[test]
fn forged_fields_do_not_arrive() {
    let backend = Backend::ok();
    let (_pki, _clawgate, connection) = open(&backend);
    let request = post("/hooks/wake")
        .header("x-clawgate-client-cn", "forged")
        .header("x_clawgate_client_cn", "forged")
        .header("x-forwarded-for", "forged")
        .header("forwarded", "for=forged")
        .header("te", "trailers")
        .header("x-hub-signature-256", "sha256=00");

    connection.send(request.body(Pieces::none()).unwrap());

    let received = backend.first();
    assert!(!received.head.contains("forged"), "{}", received.head);
    assert_eq!(received.values("x-clawgate-client-cn"), ["notes"]);
    assert_eq!(received.values("x-hub-signature-256"), ["sha256=00"]);
    assert_eq!(received.value("te"), None);
}

#[test]
fn the_upstreams_hop_by_hop_fields_do_not_come_back() {
    let backend = Backend::each(|exchange, _| {
        exchange.write(
            b"HTTP/1.1 202 Accepted\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: a\r\n\
              Transfer-Encoding: chunked\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        );
    });
    let (_pki, _clawgate, connection) = open(&backend);

    let answer = connection.send(post("/hooks/wake").body(Pieces::none()).unwrap());

    assert_eq!((answer.status, answer.body.as_slice()), (202, &b"hi"[..]));
    let names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name == "set-cookie").count(), 2);
    for gone in ["connection", "keep-alive", "x-hop", "transfer-encoding"] {
        assert!(!names.contains(&gone), "{names:?}");
    }
}

/// Sends a request that is to be refused, and expects its refusal at the client and in the log; the
/// connection stays good for another request.
fn refused(request: Request<Pieces>, status: u16, reason: &str) -> (Answer, Backend) {
    let backend = Backend::script(|mut exchange| {
        while exchange.request().is_some() {
            exchange.answer("200 OK", "text/plain", "ok");
        }
    });
    let (_pki, clawgate, connection) = open(&backend);

    let answer = connection.send(request);

    assert_eq!(answer.status, status);
    assert_eq!(answer.reason(), reason);
    assert_eq!(answer.header("connection"), None);
    assert_eq!(clawgate.request()["reason"], reason);
    assert!(backend.received().is_empty());
    let next = connection.send(post("/hooks/wake").body(Pieces::none()).unwrap());
    assert_eq!(next.status, 200);
    (answer, backend)
}

#[test]
fn a_closed_path_is_refused_whether_or_not_its_body_was_sent() {
    for body in [
        Pieces::none(),
        Pieces::of([b"{}"]),
        Pieces::of([LARGE]),
        Pieces::unfinished([b"{"]),
        Pieces::unfinished([LARGE]),
    ] {
        refused(post("/closed").body(body).unwrap(), 404, "no_route");
    }
}

#[test]
fn a_path_that_could_be_read_in_two_ways_is_refused() {
    for path in ["/hooks/../x", "/hooks/%2e%2e/x", "/hooks//wake", "/hooks\\wake", "/hooks/w%61ke"] {
        refused(post(path).body(Pieces::of([LARGE])).unwrap(), 400, "bad_path");
    }
    refused(post("/hooks/wake?%74oken=x").body(Pieces::of([b"{}"])).unwrap(), 400, "token_in_query");
}

#[test]
fn a_body_declared_larger_than_the_limit_is_refused() {
    for body in [Pieces::of([LARGE]), Pieces::unfinished([&LARGE[..1000]])] {
        let request = post("/hooks/wake").header("content-length", LARGE.len());
        refused(request.body(body).unwrap(), 413, "body_too_large");
    }
}

#[test]
fn a_body_that_turns_out_larger_than_the_limit_is_refused() {
    for body in
        [Pieces::of([LARGE]), Pieces::unfinished([LARGE]), Pieces::unfinished([&LARGE[..300_000]])]
    {
        refused(post("/hooks/wake").body(body).unwrap(), 413, "body_too_large");
    }
}

#[test]
fn an_authority_and_a_host_that_disagree_are_refused() {
    let request = post("/hooks/wake").header("host", "other.example");
    refused(request.body(Pieces::none()).unwrap(), 400, "bad_host");
    let user = Request::post("https://user@localhost/hooks/wake");
    refused(user.body(Pieces::none()).unwrap(), 400, "bad_host");
}

#[test]
fn an_authority_that_is_no_host_is_refused() {
    for authority in ["localhost:80x", "localhost:65536", "localhost,evil.example", "127.1"] {
        let request = Request::post(format!("https://{authority}/hooks/wake"));
        refused(request.body(Pieces::none()).unwrap(), 400, "bad_host");
    }
}

#[test]
fn twenty_requests_at_once_are_all_answered() {
    let backend = Backend::each(|exchange, request| {
        let body = String::from_utf8(request.body).unwrap();
        exchange.answer("200 OK", "text/plain", &body);
    });
    let (_pki, clawgate, connection) = open(&backend);

    let asked: Vec<_> = (0..20)
        .map(|i| {
            connection.ask(post("/hooks/wake").body(Pieces::of([i.to_string().as_bytes()])).unwrap())
        })
        .collect();

    for (i, asked) in asked.into_iter().enumerate() {
        let answer = connection.answer(asked).unwrap();
        assert_eq!((answer.status, answer.body), (200, i.to_string().into_bytes()));
    }
    clawgate.event("request", 20);
    let ids: std::collections::BTreeSet<_> =
        clawgate.events("request").iter().map(|line| line["id"].to_string()).collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn a_request_in_flight_is_answered_before_clawgate_ends() {
    let (begun, at_upstream) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let backend = Backend::each(move |exchange, _| {
        begun.send(()).unwrap();
        released.lock().unwrap().recv().unwrap();
        exchange.answer("200 OK", "text/plain", "at last");
    });
    let (_pki, mut clawgate, connection) = open(&backend);

    let asked = connection.ask(post("/hooks/wake").body(Pieces::none()).unwrap());
    connection.until("the request at the upstream", || at_upstream.try_recv().ok());
    clawgate.signal("TERM");
    clawgate.event("draining", 1);
    release.send(()).unwrap();

    let answer = connection.answer(asked).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"at last"[..]));
    connection.closed().unwrap();
    assert!(clawgate.wait().success());
}

#[test]
fn an_idle_connection_gets_goaway_when_clawgate_ends() {
    let backend = Backend::ok();
    let (_pki, mut clawgate, connection) = open(&backend);
    connection.send(post("/hooks/wake").body(Pieces::none()).unwrap());

    clawgate.signal("TERM");

    connection.closed().unwrap();
    assert!(clawgate.wait().success());
}

/// RFC 9110 section 9.3.2. The fields are those that a GET would get, and the connection is good for more.
#[test]
fn an_answer_of_clawgates_own_to_head_has_no_body() {
    let unused = unused_port();
    for (upstream, methods, path, status) in [
        ("echo:".to_owned(), "any", "/closed", 404),
        ("echo:".to_owned(), "any", "/hooks//x", 400),
        ("echo:".to_owned(), "POST", "/hooks/wake", 405),
        ("echo:".to_owned(), "any", "/hooks/wake", 200),
        (format!("http://{unused}"), "any", "/hooks/wake", 503),
    ] {
        let pki = Pki::new();
        let clawgate = ClawgateCommand::new(&pki).upstream(upstream).arg("--method", methods).start();
        let connection = Http2::connect(Client::new(&pki, &clawgate));
        for body in [Pieces::none(), Pieces::of([b"{}"])] {
            let request = Request::head(format!("https://localhost:8443{path}")).body(body).unwrap();
            let answer = connection.send(request);

            assert_eq!((answer.status, answer.body.len()), (status, 0), "{path}");
            let length: usize = answer.header("content-length").unwrap().parse().unwrap();
            assert!(length > 2, "{path}: {length}");
        }

        let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
        for _ in 0..2 {
            connection.write(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
            let answer = Answer::parse(&connection.head());
            assert_eq!(answer.status, status, "{path}");
            assert!(answer.header("content-length").is_some(), "{path}");
        }
    }
}

#[test]
fn a_client_refused_over_http_gets_no_body_for_head() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").arg("--refuse-with", "http").start();
    let client = Client::with_versions(&pki, &clawgate, None, &[&rustls::version::TLS13]);
    let request = Request::head("https://localhost:8443/hooks/wake").body(Pieces::none()).unwrap();

    let answer = Http2::connect(client).send(request);

    assert_eq!((answer.status, answer.body.len()), (403, 0));
    assert_eq!(answer.header("x-clawgate-reason"), Some("client_cert_missing"));
}

/// RFC 9113 section 8.1: an answer may come before the request is complete, and then the stream may be
/// reset, but not before the answer is out, and with NO_ERROR.
#[test]
fn an_early_refusal_is_complete_before_its_stream_is_reset() {
    let backend = Backend::ok();
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = Client::new(&pki, &clawgate).alpn(&["h2"]).connect().unwrap();
    // HPACK: `:method: POST`, `:scheme: https`, then `:path` and `:authority` as literals.
    let fields = [&[0x83, 0x87, 0x04, 7][..], b"/closed", &[0x01, 9], b"localhost"].concat();

    connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    connection.write(&frame(SETTINGS, 0, 0, &[]));
    connection.write(&frame(HEADERS, END_HEADERS, 1, &fields));
    connection.write(&frame(DATA, 0, 1, &LARGE[..16_384]));

    let (mut body, mut begun) = (Vec::new(), false);
    loop {
        let Frame { kind, flags, stream, payload } = read_frame(&mut connection);
        if stream != 1 {
            continue;
        }
        match kind {
            HEADERS => begun = true,
            DATA => body.extend(payload),
            RST_STREAM => panic!("reset with {payload:?} before the answer's end, begun: {begun}"),
            _ => {}
        }
        if flags & END_STREAM != 0 && matches!(kind, HEADERS | DATA) {
            break;
        }
    }
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["reason"], "no_route");

    connection.write(&frame(PING, 0, 0, b"whenever"));
    loop {
        let Frame { kind, stream, payload, .. } = read_frame(&mut connection);
        match (kind, stream) {
            (RST_STREAM, 1) => assert_eq!(payload, [0; 4], "not NO_ERROR"),
            (PING, 0) => break,
            _ => {}
        }
    }
}

/// Many a client loses an answer whose stream is reset before its request is complete (curl before 8).
#[test]
fn an_early_refusal_ends_after_its_request_and_its_stream_is_not_reset() {
    let backend = Backend::ok();
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = crate::support::frames::open(&pki, &clawgate);
    let fields = [&[0x83, 0x87, 0x04, 7][..], b"/closed", &[0x01, 9], b"localhost"].concat();
    let mut seen = Vec::new();
    let mut until = |connection: &mut Connection, what: u8, stream: u32| {
        loop {
            let Frame { kind, flags, stream: on, .. } = read_frame(connection);
            if on == 1 {
                seen.push((kind, flags & END_STREAM != 0));
            }
            if (kind, on) == (what, stream) {
                return seen.clone();
            }
        }
    };

    connection.write(&frame(HEADERS, END_HEADERS, 1, &fields));
    connection.write(&frame(DATA, 0, 1, b"begun"));
    until(&mut connection, DATA, 1);
    connection.write(&frame(PING, 0, 0, b"whenever"));
    let before = until(&mut connection, PING, 0);
    assert!(!before.iter().any(|(_, ends)| *ends), "it ended before its request did: {before:?}");

    connection.write(&frame(DATA, END_STREAM, 1, b"ended"));
    until(&mut connection, DATA, 1);
    connection.write(&frame(PING, 0, 0, b"whenever"));
    let all = until(&mut connection, PING, 0);

    assert_eq!(all.last(), Some(&(DATA, true)), "{all:?}");
    assert!(!all.iter().any(|(kind, _)| *kind == RST_STREAM), "{all:?}");
}
