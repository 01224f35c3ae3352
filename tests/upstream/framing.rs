//! Unusual framing of an upstream's answer: each ends as one complete answer or as one 502 that blames the upstream,
//! for HTTP/1.0, HTTP/1.1 and HTTP/2 clients alike (RFC 9112 sections 6.1 and 6.3).

use http::Request;
use serde_json::Value;

use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};

/// A clawgate before an upstream that sends `bytes` for every request, and then closes or not.
fn answering(pki: &Pki, bytes: &str, closes: bool) -> (Backend, Clawgate) {
    let bytes = bytes.to_owned();
    let backend = Backend::script(move |mut exchange| {
        while exchange.request().is_some() {
            exchange.write(bytes.as_bytes());
            if closes {
                return;
            }
        }
    });
    let clawgate = ClawgateCommand::new(pki).upstream(backend.url()).arg("--method", "any").start();
    (backend, clawgate)
}

/// The version of HTTP in which a client asks.
#[derive(Clone, Copy, Debug)]
enum Version {
    Http10,
    Http10KeepAlive,
    Http11,
    Http2,
}

const VERSIONS: [Version; 4] =
    [Version::Http10, Version::Http10KeepAlive, Version::Http11, Version::Http2];

/// Asks twice, on one connection where the client keeps one.
fn ask(pki: &Pki, clawgate: &Clawgate, version: Version, method: &str) -> Vec<Answer> {
    let text = |number: &str, fields: &str| {
        format!("{method} /hooks/wake {number}\r\nHost: localhost\r\n{fields}\r\n")
    };
    match version {
        Version::Http10 | Version::Http10KeepAlive => {
            let keep = matches!(version, Version::Http10KeepAlive);
            let request = text("HTTP/1.0", if keep { "Connection: keep-alive\r\n" } else { "" });
            (0..2).map(|_| until_the_end(pki, clawgate, &request, method)).collect()
        }
        Version::Http11 => {
            let mut connection = Client::new(pki, clawgate).connect().unwrap();
            let mut ask = || {
                connection.write(text("HTTP/1.1", "").as_bytes());
                if method == "HEAD" { Answer::parse(&connection.head()) } else { connection.answer() }
            };
            vec![ask(), ask()]
        }
        Version::Http2 => {
            let connection = Http2::connect(Client::new(pki, clawgate));
            let request = || Request::builder().method(method).uri("https://localhost/hooks/wake");
            (0..2).map(|_| connection.send(request().body(Pieces::none()).unwrap())).collect()
        }
    }
}

/// Reads as an HTTP/1.0 client does: as much as is declared, or up to an orderly end.
fn until_the_end(pki: &Pki, clawgate: &Clawgate, request: &str, method: &str) -> Answer {
    let mut connection = Client::new(pki, clawgate).connect().unwrap();
    connection.write(request.as_bytes());
    let mut answer = Answer::parse(&connection.head());
    assert_eq!(answer.header("transfer-encoding"), None, "HTTP/1.0 has none");
    let bodiless = method == "HEAD" || answer.status == 204 || answer.status == 304;
    match answer.header("content-length") {
        _ if bodiless => {}
        Some(length) => answer.body = connection.exactly(length.parse().unwrap()),
        None => {
            let keeps = answer.header("connection").is_some_and(|value| value.contains("keep-alive"));
            assert!(!keeps, "the end of the body is the end of a connection that is said to be kept");
            let (body, orderly) = connection.rest();
            assert!(orderly, "an answer that was cut off");
            answer.body = body.into_bytes();
        }
    }
    answer
}

/// Every client gets the answer once, and whole.
fn is_clean(method: &str, head: &str, sent: &str, closes: bool, status: u16, body: &str) {
    let pki = Pki::new();
    let (_backend, mut clawgate) = answering(&pki, &format!("HTTP/{head}\r\n\r\n{sent}"), closes);
    let mut asked = 0;
    for version in VERSIONS {
        for answer in ask(&pki, &clawgate, version, method) {
            let text = String::from_utf8_lossy(&answer.body);
            assert_eq!((answer.status, &*text), (status, body), "{version:?}: {head:?}");
            let lengths = answer.headers.iter().filter(|(name, _)| name == "content-length").count();
            assert!(lengths <= 1, "{version:?}: {head:?}: {answer:?}");
            assert_eq!(answer.header("x-clawgate-reason"), None, "{version:?}: {head:?}");
            asked += 1;
        }
    }
    clawgate.event("request", asked);
    assert!(clawgate.stop().success());
    for line in clawgate.events("request") {
        assert_eq!(
            (&line["status"], &line["reason"]),
            (&status.into(), &Value::Null),
            "{head:?}: {line}"
        );
    }
}

/// Every client gets one 502.
fn is_refused(method: &str, head: &str, sent: &str) {
    let pki = Pki::new();
    let (_backend, clawgate) = answering(&pki, &format!("{head}\r\n\r\n{sent}"), false);
    let mut asked = 0;
    for version in VERSIONS {
        for answer in ask(&pki, &clawgate, version, method) {
            asked += 1;
            assert_eq!(answer.status, 502, "{version:?}: {head:?}");
            assert_eq!(
                answer.header("x-clawgate-reason"),
                Some("upstream_protocol_error"),
                "{version:?}: {head:?}"
            );
            let line = clawgate.event("request", asked);
            assert_eq!(line["reason"], "upstream_protocol_error", "{version:?}: {head:?}: {line}");
        }
    }
}

#[test]
fn chunks_win_over_a_length() {
    for length in ["2", "5", "500", "2, 3", "x"] {
        for order in [
            format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
            format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"),
        ] {
            let head = format!("1.1 200 OK\r\n{order}");
            is_clean("POST", &head, "5\r\nhello\r\n0\r\n\r\n", false, 200, "hello");
        }
    }
}

#[test]
fn a_connection_whose_answer_had_a_length_and_chunks_is_not_used_again() {
    let pki = Pki::new();
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked";
    let (backend, clawgate) = answering(&pki, &format!("{head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), false);

    ask(&pki, &clawgate, Version::Http11, "POST");

    assert_eq!(backend.connections(), 2);
}

#[test]
fn a_coding_other_than_chunked_is_not_passed_on_without_its_name() {
    for fields in [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity\r\nContent-Length: 5",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: x-unknown\r\nContent-Length: 2",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked, identity",
    ] {
        is_refused("POST", &format!("HTTP/1.1 200 OK\r\n{fields}"), "5\r\nhello\r\n0\r\n\r\n");
    }
}

#[test]
fn http_1_0_has_no_chunks() {
    is_refused("POST", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n");
    let kept = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked";
    is_refused("POST", kept, "5\r\nhello\r\n0\r\n\r\n");
}

#[test]
fn lengths_that_agree_are_one() {
    for fields in [
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: 5,5\r\nContent-Length: 5",
        "Content-Length:5",
        "Content-Length:\t5 ",
    ] {
        is_clean("POST", &format!("1.1 200 OK\r\n{fields}"), "hello", false, 200, "hello");
    }
}

#[test]
fn a_length_that_is_not_one_number_is_refused() {
    for fields in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: -5",
        "Content-Length: +5",
        "Content-Length: 5;",
        "Content-Length: 5,",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length:",
        "Content-Length: five",
        "Content-Length: 18446744073709551616",
    ] {
        is_refused("POST", &format!("HTTP/1.1 200 OK\r\n{fields}"), "hello");
        is_refused("HEAD", &format!("HTTP/1.1 200 OK\r\n{fields}"), "");
        is_refused("GET", &format!("HTTP/1.1 304 Not Modified\r\n{fields}"), "");
    }
}

#[test]
fn an_answer_without_a_body_is_clean_whatever_it_says_of_one() {
    for (method, status) in [("POST", "204 No Content"), ("GET", "304 Not Modified"), ("HEAD", "200 OK")]
    {
        for fields in [
            "X: y",
            "Content-Length: 5",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
        ] {
            let number = status[..3].parse().unwrap();
            is_clean(method, &format!("1.1 {status}\r\n{fields}"), "", false, number, "");
        }
    }
    // What is no body is not taken for the next answer either.
    is_clean("POST", "1.1 204 No Content\r\nTransfer-Encoding: chunked", "0\r\n\r\n", false, 204, "");
    is_clean("POST", "1.1 204 No Content\r\nContent-Length: 5", "hello", false, 204, "");
}

#[test]
fn no_content_has_no_length() {
    let pki = Pki::new();
    for fields in ["Content-Length: 0", "Content-Length: 5"] {
        let (_backend, clawgate) =
            answering(&pki, &format!("HTTP/1.1 204 No Content\r\n{fields}\r\n\r\n"), false);
        for version in VERSIONS {
            for answer in ask(&pki, &clawgate, version, "POST") {
                assert_eq!(answer.header("content-length"), None, "{version:?} {fields}");
            }
        }
    }
}

#[test]
fn an_answer_of_unknown_length_is_whole_for_every_client() {
    let chunks = "2\r\nhe\r\n3;x=\"y\"\r\nllo\r\n0\r\nX-Trailer: z\r\n\r\n";
    is_clean("POST", "1.1 200 OK\r\nTransfer-Encoding: Chunked", chunks, false, 200, "hello");
    is_clean("POST", "1.1 200 OK\r\nTransfer-Encoding:  chunked ", chunks, false, 200, "hello");
    is_clean("POST", "1.1 200 OK\r\nX: y", "hello", true, 200, "hello");
    is_clean("POST", "1.0 200 OK\r\nX: y", "hello", true, 200, "hello");
    is_clean(
        "POST",
        "1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5",
        "hello",
        false,
        200,
        "hello",
    );
}

#[test]
fn trailers_that_speak_of_the_connection_do_not_reach_the_client() {
    let chunks = "5\r\nhello\r\n0\r\nConnection: close\r\nContent-Length: 2\r\nTransfer-Encoding: gzip\r\n\
                  Upgrade: h2c\r\nKeep-Alive: 5\r\nX-Trailer: z\r\n\r\n";
    is_clean("POST", "1.1 200 OK\r\nTransfer-Encoding: chunked", chunks, false, 200, "hello");
}

#[test]
fn a_connection_whose_answer_ended_in_trailers_is_used_again() {
    let pki = Pki::new();
    let chunks = "5\r\nhello\r\n0\r\nX-Trailer: z\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked";
    let (backend, clawgate) = answering(&pki, &format!("{head}\r\n\r\n{chunks}"), false);

    ask(&pki, &clawgate, Version::Http11, "POST");

    assert_eq!(backend.connections(), 1);
}

#[test]
fn a_head_that_is_not_http_is_refused() {
    for head in [
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0",
        "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0",
        "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 0",
        "HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0",
        "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 0",
        "HTTP/1.1 99 Low\r\nContent-Length: 0",
        "HTTP/1.1 2000 High\r\nContent-Length: 0",
        "HTTP/2.0 200 OK\r\nContent-Length: 0",
        "HTTP/1.1\r\nContent-Length: 0",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade",
        "ICY 200 OK\r\nContent-Length: 0",
    ] {
        is_refused("POST", head, "");
    }
}

#[test]
fn a_head_whose_lines_end_in_lf_alone_is_understood() {
    is_clean("POST", "1.1 200 OK\nContent-Length: 5\nX: y", "hello", false, 200, "hello");
}

/// The head has gone to the client before the fault comes: it must not see a whole answer.
#[test]
fn an_answer_whose_chunks_break_is_cut_off_and_the_log_blames_the_upstream() {
    for chunks in
        ["zz\r\n", "5\r\nhelloX", "-1\r\n", "5\r\nhello\r\nfffffffffffffffff\r\n", "1\r\nab\r\n"]
    {
        let pki = Pki::new();
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (_backend, clawgate) = answering(&pki, &format!("{head}{chunks}"), false);
        let request = "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        let old = "POST /hooks/wake HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n";

        for request in [request, old] {
            let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
            connection.write(request.as_bytes());
            let (text, orderly) = connection.rest();
            assert!(!orderly && !text.ends_with("0\r\n\r\n"), "{chunks:?}: {text:?}");
        }
        let connection = Http2::connect(Client::new(&pki, &clawgate));
        let request = Request::post("https://localhost/hooks/wake").body(Pieces::none()).unwrap();
        connection.answer(connection.ask(request)).unwrap_err();

        for number in 1..=3 {
            let line = clawgate.event("request", number);
            assert_eq!(line["reason"], "upstream_protocol_error", "{chunks:?}: {line}");
        }
    }
}
