use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

/// 2026-11-27T12:00:00Z.
const NOW: u64 = 1_795_780_800;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn verdict(status: u16, sent: &[(&str, &str)]) -> Verdict {
    RetryRules::default().verdict(StatusCode::from_u16(status).unwrap(), &headers(sent), now())
}

fn hints(sent: &[(&str, &str)]) -> WaitHints {
    WaitHints::of(&headers(sent), now())
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn each_status_has_its_consequence() {
    use PauseReason::{Forbidden, NotHttp, Redirect, WrongUrl};
    let again = Verdict::Retry { after: None };
    for (statuses, wanted) in [
        (&[200, 201, 202, 204, 299][..], Verdict::Done),
        (&[408, 421, 425, 429, 500, 501, 502, 503, 504, 520, 599, 999], again),
        (&[401], Verdict::RenewThenPause),
        (&[402, 403, 407], Verdict::Pause(Forbidden)),
        (&[404, 405, 410], Verdict::Pause(WrongUrl)),
        (&[300, 301, 302, 303, 304, 307, 308], Verdict::Pause(Redirect)),
        (&[101, 103], Verdict::Pause(NotHttp)),
        (&[400, 406, 409, 411, 412, 413, 414, 415, 422, 431, 451, 499], Verdict::Dead),
    ] {
        for status in statuses {
            assert_eq!(verdict(*status, &[]), wanted, "{status}");
        }
    }
}

#[test]
fn without_an_answer_it_is_tried_again_unless_the_target_is_the_wrong_one() {
    assert_eq!(NoAnswer::NotConnected.verdict(), Verdict::Retry { after: None });
    assert_eq!(NoAnswer::Lost.verdict(), Verdict::Retry { after: None });
    assert_eq!(NoAnswer::Certificate.verdict(), Verdict::Pause(PauseReason::Certificate));
    assert_eq!(NoAnswer::Address.verdict(), Verdict::Pause(PauseReason::Address));
}

#[test]
fn the_settings_may_say_that_409_means_done() {
    let rules = RetryRules::new(&[409]).unwrap();
    assert_eq!(rules.verdict(StatusCode::CONFLICT, &HeaderMap::new(), now()), Verdict::Done);
    assert_eq!(
        rules.verdict(StatusCode::GONE, &HeaderMap::new(), now()),
        Verdict::Pause(PauseReason::WrongUrl)
    );
    for status in [0, 200, 302, 399, 401, 403, 408, 425, 429, 500, 1000] {
        assert_eq!(RetryRules::new(&[409, status]), Err(NotDone(status)));
    }
}

#[test]
fn retry_after_is_in_seconds_or_a_date() {
    for (value, wanted) in [
        ("120", seconds(120)),
        (" 7 ", seconds(7)),
        ("0", seconds(1)),
        ("1.5", Some(Duration::from_millis(1500))),
        ("99999999999999999999999", seconds(3600)),
        ("Fri, 27 Nov 2026 12:00:30 GMT", seconds(30)),
        ("Fri, 27 Nov 2026 11:00:00 GMT", seconds(1)),
        ("Sat, 28 Nov 2026 12:00:00 GMT", seconds(3600)),
        ("", None),
        ("-5", None),
        ("+5", None),
        ("1e3", None),
        ("5.", None),
        ("soon", None),
    ] {
        assert_eq!(hints(&[("retry-after", value)]).retry_after, wanted, "{value}");
        assert_eq!(verdict(503, &[("retry-after", value)]), Verdict::Retry { after: wanted }, "{value}");
    }
}

#[test]
fn of_several_values_the_longest_wait_counts() {
    let sent = [("retry-after", "5"), ("retry-after", "no"), ("retry-after", "60")];
    assert_eq!(hints(&sent).retry_after, seconds(60));
}

#[test]
fn dates_are_read_by_the_clock_of_the_target() {
    let sent = [
        ("date", "Fri, 27 Nov 2026 18:00:00 GMT"),
        ("retry-after", "Fri, 27 Nov 2026 18:01:00 GMT"),
        ("x-ratelimit-reset", &(NOW + 6 * 3600 + 90).to_string()),
    ];
    assert_eq!(hints(&sent).retry_after, seconds(60));
    assert_eq!(hints(&sent).reset, seconds(90));
}

#[test]
fn the_reset_of_a_limit_is_in_seconds_or_a_time() {
    for (name, value, wanted) in [
        ("ratelimit-reset", "30".to_owned(), seconds(30)),
        ("ratelimit-reset", NOW.to_string(), seconds(3600)),
        ("x-ratelimit-reset-after", "64.57".into(), Some(Duration::from_millis(64_570))),
        ("x-ratelimit-reset", "45".into(), seconds(45)),
        ("x-ratelimit-reset", (NOW + 20).to_string(), seconds(20)),
        ("x-ratelimit-reset", format!("{}.500", NOW + 20), Some(Duration::from_millis(20_500))),
        ("x-ratelimit-reset", ((NOW + 20) * 1000).to_string(), seconds(20)),
        ("x-ratelimit-reset", (NOW - 20).to_string(), seconds(1)),
        ("x-ratelimit-reset", u64::MAX.to_string(), seconds(3600)),
        ("x-ratelimit-reset", "2026-11-27".into(), None),
    ] {
        assert_eq!(hints(&[(name, &value)]).reset, wanted, "{name}: {value}");
    }
}

#[test]
fn the_reset_counts_only_if_the_limit_is_reached() {
    let reset = ("ratelimit-reset", "1800");
    assert_eq!(verdict(429, &[reset]), Verdict::Retry { after: seconds(1800) });
    assert_eq!(verdict(429, &[reset, ("retry-after", "9")]), Verdict::Retry { after: seconds(9) });
    assert_eq!(verdict(500, &[reset, ("ratelimit-remaining", "4999")]), Verdict::Retry { after: None });
    assert_eq!(
        verdict(503, &[reset, ("ratelimit-remaining", "0")]),
        Verdict::Retry { after: seconds(1800) }
    );
}

#[test]
fn a_403_because_of_a_limit_pauses_nothing() {
    let reset = (NOW + 20).to_string();
    let limit = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &*reset)];
    assert_eq!(verdict(403, &limit), Verdict::Retry { after: seconds(20) });
    assert_eq!(verdict(403, &[("retry-after", "60")]), Verdict::Retry { after: seconds(60) });
    assert_eq!(
        verdict(403, &[("x-ratelimit-remaining", "10"), limit[1]]),
        Verdict::Pause(PauseReason::Forbidden)
    );
}

#[test]
fn an_answer_may_say_that_it_was_the_last_one_for_now() {
    assert_eq!(hints(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "30")]).pause(), seconds(30));
    assert_eq!(hints(&[("x-ratelimit-remaining", "0")]).pause(), seconds(1));
    assert_eq!(hints(&[("ratelimit-remaining", "1"), ("ratelimit-reset", "30")]).pause(), None);
    assert_eq!(hints(&[("ratelimit-remaining", "none"), ("ratelimit-reset", "30")]).pause(), None);
}

proptest! {
    /// Whatever the headers have, the wait is between a second and an hour, or there is none.
    #[test]
    fn no_header_makes_a_wait_that_is_too_long_or_too_short(
        values in proptest::collection::vec("[ -~]{0,24}|[0-9]{1,40}(\\.[0-9]{0,30})?", 5),
        seconds_now in 0u64..4_000_000_000, status in 100u16..1000,
    ) {
        let names = ["retry-after", "ratelimit-reset", "x-ratelimit-reset", "ratelimit-remaining", "date"];
        let pairs: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds_now);
        let headers = headers(&pairs);
        let hints = WaitHints::of(&headers, now);
        for wait in [hints.retry_after, hints.reset, hints.pause()].into_iter().flatten() {
            prop_assert!((MIN_WAIT..=MAX_WAIT).contains(&wait), "{:?}", wait);
        }
        let verdict = RetryRules::default().verdict(StatusCode::from_u16(status).unwrap(), &headers, now);
        if let Verdict::Retry { after: Some(wait) } = verdict {
            prop_assert!((MIN_WAIT..=MAX_WAIT).contains(&wait), "{:?}", wait);
        }
        prop_assert_eq!(verdict == Verdict::Done, (200..300).contains(&status));
    }
}
