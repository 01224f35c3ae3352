//! `when_larger` and `limits.body`.

use super::support::{WITHOUT_TRANSCRIPT, meeting, post, send, start};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;

const SHAPE: &str = "drop = [\"/transcript\"]\nwhen_larger = \"64KiB\"";

#[test]
fn only_a_body_larger_than_when_larger_loses_what_a_shape_drops() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), SHAPE);
    let filled = |length: usize| {
        let frame = meeting(1).len();
        meeting(1).replace("and so on", &format!("and so on{}", "x".repeat(length - frame)))
    };
    let (limit, above) = (filled(64 * 1024), filled(64 * 1024 + 1));

    assert_eq!(limit.len(), 64 * 1024);
    assert_eq!([send(&pki, &clawgate, &limit).status, send(&pki, &clawgate, &above).status], [200; 2]);

    let received = backend.received();
    assert!(received[0].body == limit.as_bytes(), "the smaller body was changed");
    assert_eq!(String::from_utf8_lossy(&received[1].body), WITHOUT_TRANSCRIPT);
    assert_eq!(clawgate.event("request", 2)["shaped"], serde_json::json!(["drop /transcript"]));
}

#[test]
fn a_body_that_a_shape_does_not_apply_to_need_not_be_json() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), SHAPE);

    assert_eq!(send(&pki, &clawgate, "no JSON").status, 200);
    assert_eq!(send(&pki, &clawgate, &"no JSON".repeat(10_000)).status, 422);

    assert_eq!(backend.first().body, b"no JSON");
}

#[test]
fn limits_body_limits_what_comes_to_a_shaped_route_declared_or_not() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, &backend.url(), "drop = [\"/transcript\"]");
    // The limit is 256 KiB, the default.
    let (large, too_large) = (meeting(250 * 1024), meeting(300 * 1024));

    assert_eq!(send(&pki, &clawgate, &large).status, 200);
    let declared = send(&pki, &clawgate, &too_large);
    let chunked = Client::new(&pki, &clawgate).send(
        &post("Transfer-Encoding: chunked\r\n", "")
            .replace("Content-Length: 0\r\n", "")
            .replace("\r\n\r\n", &format!("\r\n\r\n{:x}\r\n{too_large}\r\n0\r\n\r\n", too_large.len())),
    );

    for answer in [declared, chunked] {
        assert_eq!((answer.status, &*answer.reason()), (413, "body_too_large"));
    }
    assert_eq!(backend.received().len(), 1);
    assert_eq!(String::from_utf8_lossy(&backend.first().body), WITHOUT_TRANSCRIPT);
}
