//! Where a body ends: Content-Length, Transfer-Encoding and chunks.

use super::{Scene, post};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

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
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut connection = Client::new(&pki, &clawgate).connect().unwrap();

    connection.write(post("Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").as_bytes());
    eventually("the upstream's connection", || (backend.connections() == 1).then_some(()));
    connection.write(b"zz\r\n");

    let answer = connection.answer();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.reason(), "bad_framing");
    assert!(connection.is_closed());
    assert_eq!(clawgate.request()["reason"], "bad_framing");
    assert!(backend.received().is_empty());
}
