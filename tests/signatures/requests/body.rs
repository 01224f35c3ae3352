//! The body that was verified is the body that is delivered.

use super::{SECRET, configured, github, send, signature};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;

const SIGNATURE: &str = "authenticate = \"signature\"\nmethods = [\"any\"]";

#[test]
fn a_chunked_body_is_delivered_with_its_length() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = configured(&pki, &backend.url(), &github(&pki, "/hooks/github", SIGNATURE));

    let answer = Client::without_certificate(&pki, &clawgate).send(&format!(
        "POST /hooks/github HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
        signature(SECRET, b"abcdefg")
    ));

    assert_eq!(answer.status, 200);
    assert_eq!(backend.first().body, b"abcdefg");
    assert_eq!(backend.first().value("content-length"), Some("7"));
    assert_eq!(backend.first().value("transfer-encoding"), None);
}

#[test]
fn a_large_body_is_delivered_byte_for_byte() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = configured(&pki, &backend.url(), &github(&pki, "/hooks/github", SIGNATURE));
    let body: String = (0..256 * 1024)
        .map(|i: u32| char::from(b'a' + (i.wrapping_mul(2_654_435_761) >> 28) as u8))
        .collect();

    assert_eq!(send(&pki, &clawgate, "/hooks/github", &body).status, 200);

    assert!(backend.first().body == body.as_bytes(), "the body was changed");
}

#[test]
fn an_empty_body_is_verified_too() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = configured(&pki, &backend.url(), &github(&pki, "/hooks/github", SIGNATURE));
    let get = |signature: &str| {
        let request = format!(
            "GET /hooks/github HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: {signature}\r\n\r\n"
        );
        Client::without_certificate(&pki, &clawgate).send(&request).status
    };

    assert_eq!(get(&signature("another", b"")), 401);
    assert_eq!(get(&signature(SECRET, b"")), 200);
}

#[test]
fn a_compressed_body_is_verified_and_delivered_as_it_came() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = configured(&pki, &backend.url(), &github(&pki, "/hooks/github", SIGNATURE));
    // `gzip` of `{}`, in the place of any compressed bytes.
    let body =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00";
    let mut connection = Client::without_certificate(&pki, &clawgate).connect().unwrap();
    let head = format!(
        "POST /hooks/github HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nX-Hub-Signature-256: {}\r\nContent-Length: {}\r\n\r\n",
        signature(SECRET, body),
        body.len()
    );
    connection.write(&[head.as_bytes(), body].concat());

    assert_eq!(connection.answer().status, 200);
    assert_eq!(backend.first().body, body);
    assert_eq!(backend.first().value("content-encoding"), Some("gzip"));
}

#[test]
fn a_sender_that_waits_for_100_continue_gets_it() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = configured(&pki, &backend.url(), &github(&pki, "/hooks/github", SIGNATURE));
    let mut connection = Client::without_certificate(&pki, &clawgate).connect().unwrap();
    connection.write(
        format!(
            "POST /hooks/github HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nX-Hub-Signature-256: {}\r\nContent-Length: 2\r\n\r\n",
            signature(SECRET, b"{}")
        )
        .as_bytes(),
    );

    assert!(connection.head().starts_with("HTTP/1.1 100 "));
    connection.write(b"{}");
    assert_eq!(connection.answer().status, 200);
}
