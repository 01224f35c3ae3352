//! How old, and how far ahead, a signed request may be.

use std::time::Duration;

use clawgate::signature::{SignatureError, TimestampUnit};

use super::senders::senders;
use super::{NOW, at, post, post_with, verifier, verify, with};

#[test]
fn a_time_beyond_the_tolerance_is_refused_in_both_directions() {
    for sender in senders() {
        let Some(tolerance) = sender.scheme.tolerance() else { continue };
        let tolerance = tolerance.as_secs();
        let verifier = sender.verifier(b"secret");
        let mut request = post("{}");
        sender.sign(&verifier, &mut request, at(NOW), "evt_1").unwrap();

        for now in [NOW - tolerance, NOW, NOW + tolerance] {
            assert!(verify(&verifier, &request, at(now)).is_ok(), "{} at {now}", sender.name);
        }
        let by = Duration::from_secs(tolerance + 1);
        let late = verify(&verifier, &request, at(NOW) + by);
        assert_eq!(late, Err(SignatureError::Stale { by }), "{}", sender.name);
        let early = verify(&verifier, &request, at(NOW) - by);
        assert_eq!(early, Err(SignatureError::Future { by }), "{}", sender.name);
    }
}

#[test]
fn a_time_in_a_header_is_refused_before_the_body_is_read() {
    let slack = verifier(super::scheme("slack"), &["secret"]);
    let mut request = post("{}");
    slack.sign(&mut request, at(NOW), "").unwrap();
    request.body.clear();

    assert_eq!(slack.check_head(&request.as_received(), at(NOW)), Ok(()));
    let stale = slack.check_head(&request.as_received(), at(NOW + 301));
    assert_eq!(stale, Err(SignatureError::Stale { by: Duration::from_secs(301) }));
}

#[test]
fn the_settings_can_widen_the_tolerance() {
    let scheme = with("paddle", |own| own.tolerance = Some(Duration::from_secs(3600)));
    let paddle = verifier(scheme, &["secret"]);
    let mut request = post("{}");
    paddle.sign(&mut request, at(NOW), "evt_1").unwrap();

    let verified = verify(&paddle, &request, at(NOW + 3000)).unwrap();

    assert_eq!(verified.skew(), Some(-3000));
}

#[test]
fn a_time_that_is_no_number_is_refused() {
    let slack = verifier(super::scheme("slack"), &["secret"]);
    for time in [
        "",
        "x",
        "-1700000000",
        "+1700000000",
        "1700000000.5",
        "1.7e9",
        "0x6553f100",
        "1700000000000000",
    ] {
        let mut request = post("{}");
        slack.sign(&mut request, at(NOW), "").unwrap();
        request.headers.insert("x-slack-request-timestamp", time.parse().unwrap());
        let verified = verify(&slack, &request, at(NOW)).unwrap_err();
        assert!(matches!(verified, SignatureError::BadTimestamp(_)), "{time}: {verified:?}");
    }
}

#[test]
fn a_time_that_is_missing_or_there_twice_is_refused() {
    let slack = verifier(super::scheme("slack"), &["secret"]);
    let mut request = post("{}");
    slack.sign(&mut request, at(NOW), "").unwrap();
    let source = || "header:x-slack-request-timestamp".parse().unwrap();

    let mut missing = request.clone();
    missing.headers.remove("x-slack-request-timestamp");
    assert_eq!(verify(&slack, &missing, at(NOW)), Err(SignatureError::NoTimestamp(source())));

    super::add(&mut request, "x-slack-request-timestamp", "1700000000");
    assert_eq!(verify(&slack, &request, at(NOW)), Err(SignatureError::Twice(source())));

    let stripe = verifier(super::scheme("stripe"), &["secret"]);
    let mut request = post("{}");
    stripe.sign(&mut request, at(NOW), "").unwrap();
    let signature = request.headers["stripe-signature"].to_str().unwrap();
    let twice = post_with(&[("stripe-signature", &format!("t=1,{signature}"))], "{}");
    assert_eq!(verify(&stripe, &twice, at(NOW)), Err(SignatureError::Twice("field:t".parse().unwrap())));
}

#[test]
fn the_time_is_signed_as_it_is_written() {
    // 0 in front changes the text, and not the time.
    let slack = verifier(super::scheme("slack"), &["secret"]);
    let mut request = post("{}");
    slack.sign(&mut request, at(NOW), "").unwrap();
    request.headers.insert("x-slack-request-timestamp", "01700000000".parse().unwrap());

    assert_eq!(verify(&slack, &request, at(NOW)), Err(SignatureError::Mismatch));
}

#[test]
fn each_unit_reads_what_it_writes() {
    for unit in TimestampUnit::ALL {
        assert_eq!(unit.parse(unit.write(at(NOW)).as_bytes()), Some(at(NOW)), "{unit}");
    }
    let rfc3339 = |text: &str| TimestampUnit::Rfc3339.parse(text.as_bytes());
    assert_eq!(rfc3339("2023-11-14T22:13:20Z"), Some(at(NOW)));
    assert_eq!(rfc3339("2023-11-14T23:13:20+01:00"), Some(at(NOW)));
    assert_eq!(rfc3339("2023-11-14T22:13:20.5Z"), Some(at(NOW) + Duration::from_millis(500)));
    assert_eq!(rfc3339("0000-01-01T00:00:00Z").map(|time| time < at(0)), Some(true));
    for wrong in ["2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "1700000000", ""] {
        assert_eq!(rfc3339(wrong), None, "{wrong}");
    }
}
