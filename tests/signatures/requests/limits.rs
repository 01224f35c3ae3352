//! What clients without a certificate may use.

use std::io::Write;

use super::{SECRET, configured, github, post, send, signature};
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::pki::Pki;

const SIGNATURE: &str = "authenticate = \"signature\"";

#[test]
fn an_address_with_too_many_invalid_signatures_is_refused_before_its_body_is_read() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", SIGNATURE) + &github(&pki, "/hooks/other", SIGNATURE);
    let toml = format!("{toml}[limits]\nfailed_signatures = 3\n");
    let clawgate = configured(&pki, &backend.url(), &toml);
    let client = || Client::without_certificate(&pki, &clawgate);

    let wrong = post("/hooks/github", &signature("another", b"{}"), "{}");
    let statuses = [(); 3].map(|()| client().send(&wrong).status);
    assert_eq!(statuses, [401; 3]);
    let mut connection = client().connect().unwrap();
    // Of the body, nothing is sent.
    let right = post("/hooks/github", &signature(SECRET, b"{}"), "{}");
    connection.write(&right.as_bytes()[..right.len() - 2]);
    let answer = Answer::parse(&connection.head());

    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("x-clawgate-reason"), Some("too_many_failed_signatures"));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(send(&pki, &clawgate, "/hooks/other", "{}").status, 200, "another route");
}

#[test]
fn the_rate_of_requests_is_limited_by_address() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml =
        format!("{}[limits]\nsigned_request_rate = 2\n", github(&pki, "/hooks/github", SIGNATURE));
    let clawgate = configured(&pki, &backend.url(), &toml);
    let mut connection = Client::without_certificate(&pki, &clawgate).connect().unwrap();

    let mut statuses = Vec::new();
    for number in 0..20 {
        let body = number.to_string();
        connection.write(post("/hooks/github", &signature(SECRET, body.as_bytes()), &body).as_bytes());
        statuses.push(connection.answer().status);
    }

    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(statuses[..2], [200, 200]);
}

#[test]
fn the_oldest_of_too_many_unverified_bodies_is_given_up() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = format!("{}[limits]\nbuffered_bodies = 2\n", github(&pki, "/hooks/github", SIGNATURE));
    let clawgate = configured(&pki, &backend.url(), &toml);
    let request = |body: &str| post("/hooks/github", &signature(SECRET, body.as_bytes()), body);
    let mut connections = ["one", "two", "six"].map(|body| {
        let mut connection = Client::without_certificate(&pki, &clawgate).connect().unwrap();
        let request = request(body);
        connection.write(&request.as_bytes()[..request.len() - 1]);
        connection
    });

    let given_up = clawgate.event("request", 1);
    for (connection, last) in connections.iter_mut().zip(["e", "o", "x"]) {
        // The connection of the one that was given up may be closed.
        let _ = connection.stream.write_all(last.as_bytes());
    }

    let mut answers = connections.map(|mut connection| connection.answer());
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers.each_ref().map(|answer| answer.status), [200, 200, 503]);
    assert_eq!(answers[2].reason(), "too_many_bodies");
    assert_eq!(answers[2].header("retry-after"), Some("1"));
    assert!(given_up["detail"].as_str().unwrap().contains("limits.buffered_bodies"), "{given_up}");
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn a_body_over_the_limit_is_413_and_nothing_of_it_reaches_the_upstream() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let toml = github(&pki, "/hooks/github", &format!("{SIGNATURE}\nlimits.body = \"10B\""));
    let clawgate = configured(&pki, &backend.url(), &toml);
    let client = || Client::without_certificate(&pki, &clawgate);

    let declared =
        client().send(&post("/hooks/github", &signature(SECRET, b"12345678901"), "12345678901"));
    let chunked = client().send(&format!(
        "POST /hooks/github HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
         6\r\n123456\r\n5\r\n78901\r\n0\r\n\r\n",
        signature(SECRET, b"12345678901")
    ));

    assert_eq!((declared.status, chunked.status), (413, 413));
    assert!(backend.received().is_empty());
}
