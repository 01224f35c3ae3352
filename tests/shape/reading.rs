//! Bodies come in all ways, and are read within the limits of the route.

use http::Request;

use super::support::{PATH, command, post, route, send, start};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::h2::{Http2, Pieces};
use crate::support::pki::Pki;

#[test]
fn a_chunked_body_is_shaped_and_gets_a_length() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "drop = [\"/b\"]");

    let answer = Client::new(&pki, &clawgate).send(&format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
         7\r\n{{\"a\":1,\r\n6\r\n\"b\":2}}\r\n0\r\nX-Trailer: 1\r\n\r\n"
    ));

    assert_eq!(answer.status, 200);
    let received = backend.first();
    assert_eq!(received.body, br#"{"a":1}"#);
    assert_eq!(received.values("content-length"), ["7"]);
    assert_eq!(received.value("transfer-encoding"), None);
    assert_eq!(clawgate.request()["bytes_in"], 13);
}

#[test]
fn a_body_over_http2_is_shaped_with_and_without_a_declared_length() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "drop = [\"/b\"]");
    let connection = Http2::connect(Client::new(&pki, &clawgate));
    let request = || Request::post(format!("https://localhost:8443{PATH}"));
    let body = || Pieces::of([b"{\"a\":1,", b"\"b\":2}"]);

    assert_eq!(connection.send(request().body(body()).unwrap()).status, 200);
    let with_length = request().header("content-length", "13").body(body()).unwrap();
    assert_eq!(connection.send(with_length).status, 200);

    for received in backend.received() {
        assert_eq!(
            (received.body.as_slice(), received.values("content-length")),
            (&br#"{"a":1}"#[..], vec!["7"])
        );
    }
    assert_eq!(clawgate.request()["protocol"], "HTTP/2");
}

#[test]
fn numbers_of_64_bits_and_all_else_that_stays_in_a_shaped_body_stays_as_it_was_written() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "drop = [\"/b\"]");
    let rest = "\"n\":[18446744073709551615, -9223372036854775808, 9007199254740993, 1.10, 1E400, -0],\n \"t\" : \"\\u00e9é\\/\"";

    assert_eq!(send(&pki, &clawgate, &format!("{{\"b\":0,{rest}}}")).status, 200);

    assert_eq!(String::from_utf8(backend.first().body).unwrap(), format!("{{{rest}}}"));
}

#[test]
fn a_body_that_is_no_json_or_does_not_fit_the_rules_of_a_shape_is_refused_and_not_quoted() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "ip_prefix = [\"/ip\"]");
    let bodies = [
        ("secret=1&a=b", "the body is not JSON (line 1, column 1)"),
        (r#"{"ip":"secret.example"}"#, "a string at `/ip` that is not an IP address"),
        (r#"{"ip":{"secret":1}}"#, "an object at `/ip`, to which `ip_prefix` cannot be applied"),
        (r#"{"ip":"192.0.2.1","ip":"secret"}"#, "a key twice that is on the way of `/ip`"),
        (r#""secret""#, "the body is a string"),
    ];
    for (number, (body, detail)) in (1..).zip(bodies) {
        let answer = send(&pki, &clawgate, body);

        assert_eq!((answer.status, &*answer.reason()), (422, "not_shapeable"), "{body}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let told = answer.json()["detail"].as_str().unwrap().to_owned();
        assert_eq!(told, "the body is not JSON of the form that this path accepts");
        let line = clawgate.event("request", number);
        let logged = line["detail"].as_str().unwrap().to_owned();
        assert!(logged.contains(detail), "{logged}");
        assert_eq!(line["reason"], "not_shapeable");
    }
    assert!(!clawgate.lines().join("\n").contains("secret"));
    assert_eq!(backend.received().len(), 0);
}

#[test]
fn a_request_without_a_body_passes_a_shaped_route() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "keep = [\"/a\"]");

    assert_eq!(Client::new(&pki, &clawgate).send(&post("", "")).status, 200);

    assert_eq!(backend.first().body, b"");
}

#[test]
fn a_connection_is_used_again_after_a_shaped_body_was_refused() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "drop = [\"/b\"]");
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    connection.write(post("", "no JSON").as_bytes());
    assert_eq!(connection.answer().status, 422);
    connection.write(post("", "{}").as_bytes());

    assert_eq!(connection.answer().status, 200);
}

#[test]
fn the_body_of_a_shaped_route_must_arrive_in_time() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("limits.body_timeout = \"200ms\"\n{}", route("", "drop = [\"/b\"]"));
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();
    let request = post("", "{}");

    connection.write(&request.as_bytes()[..request.len() - 1]);

    let answer = connection.answer();
    assert_eq!((answer.status, &*answer.reason()), (408, "body_timeout"));
    assert_eq!(backend.received().len(), 0);
}

#[test]
fn bodies_that_are_shaped_count_as_bodies_that_are_read_as_a_whole() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("limits.buffered_bodies = 1\n{}", route("", "drop = [\"/b\"]"));
    let clawgate = command(&pki, &backend.url(), &toml).start();
    let request = post("", "{}");
    let mut oldest = Client::new(&pki, &clawgate).connect().unwrap();
    oldest.write(&request.as_bytes()[..request.len() - 1]);

    // The first one may not have been read yet when the next one is answered.
    let next = || Client::new(&pki, &clawgate).send(&request).status;
    let given_up = eventually("the end of the oldest body", || {
        assert_eq!(next(), 200);
        clawgate.events("request").into_iter().find(|line| line["status"] != 200)
    });

    assert_eq!((&given_up["status"], &given_up["reason"]), (&503.into(), &"too_many_bodies".into()));
    assert_eq!(oldest.answer().status, 503);
}
