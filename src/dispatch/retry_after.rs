//! When an upstream wants to be asked again (RFC 9110 section 10.2.3).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// The longest wait that an upstream may ask for.
const LONGEST: Duration = Duration::from_secs(600);
/// The shortest one: an upstream that asks for less is not asked all the time.
const SHORTEST: Duration = Duration::from_secs(1);

/// The wait that `Retry-After` asks for, between one second and ten minutes; `None` if there is none, or if it is neither a number
/// of seconds nor a date.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        // Too large for the type is as good as the longest.
        text.parse().map_or(LONGEST, Duration::from_secs)
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wait.clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        // Sun, 06 Nov 1994 08:49:37 GMT.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_taken_up_to_ten_minutes() {
        assert_eq!(
            ["7", " 7 ", "600", "601", "99999999999999999999999"].map(of),
            [Some(7), Some(7), Some(600), Some(600), Some(600)]
        );
    }

    #[test]
    fn no_wait_is_at_least_a_second() {
        assert_eq!(of("0"), Some(1));
    }

    #[test]
    fn a_date_is_taken_as_the_time_until_then() {
        assert_eq!(of("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(of("Sun, 06 Nov 1994 09:49:37 GMT"), Some(600));
    }

    #[test]
    fn a_date_in_the_past_is_a_second() {
        assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(1));
    }

    #[test]
    fn anything_else_is_as_if_it_were_not_there() {
        for text in ["", "-1", "1.5", "soon", "1s", "+1", "Sun, 06 Nov 1994"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~]{0,40}") {
            let wait = of(&text);
            prop_assert!(wait.is_none_or(|seconds| (1..=600).contains(&seconds)));
        }
    }
}
