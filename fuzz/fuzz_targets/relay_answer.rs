//! The headers of a target's answer: whatever they have, a wait is between a second and an hour.
#![no_main]

use std::time::{Duration, SystemTime};

use clawgate::relay::retry::{MAX_WAIT, MIN_WAIT, RetryRules, Verdict, WaitHints};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 7] = [
    "retry-after",
    "date",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-reset-after",
];

fuzz_target!(|input: (u16, u32, Vec<(u8, Vec<u8>)>)| {
    let (status, now, values) = input;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.into());
    let mut headers = HeaderMap::new();
    for (name, value) in values {
        let name = HeaderName::from_static(NAMES[usize::from(name) % NAMES.len()]);
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.append(name, value);
        }
    }
    let hints = WaitHints::of(&headers, now);
    let wait = match RetryRules::default().verdict(status, &headers, now) {
        Verdict::Retry { after } => after,
        _ => None,
    };
    for wait in [hints.retry_after, hints.reset, hints.pause(), wait].into_iter().flatten() {
        assert!((MIN_WAIT..=MAX_WAIT).contains(&wait), "{wait:?}");
    }
});
