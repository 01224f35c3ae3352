//! The search for the mistake behind a signature that does not fit: no request makes it panic, and none is explained by a
//! mistake that it cannot have.
#![no_main]

use std::time::{Duration, SystemTime};

use clawgate::signature::diagnosis::{Cause, diagnose};
use clawgate::signature::{Key, Overrides, PRESETS, Scheme, SignedRequest, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u32, Vec<(&str, &[u8])>, &[u8])| {
    let (number, seconds, headers, body) = input;
    let preset = &PRESETS[usize::from(number) % PRESETS.len()];
    // Some presets need more settings, others a public key.
    let Ok(scheme) = Scheme::new(preset, Overrides::default()) else { return };
    let Ok(key) = Key::read("key", b"Y2xhd2dhdGU=", &scheme) else { return };
    let verifier = Verifier::new(scheme, vec![key]).unwrap();
    let headers: HeaderMap = headers
        .into_iter()
        .take(32)
        .filter_map(|(name, value)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_bytes(value).ok()?))
        })
        .collect();
    let request = SignedRequest {
        method: &Method::POST,
        target: "/hook?a=1",
        public_url: Some("https://example.org"),
        headers: &headers,
        body,
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
    let Err(error) = verifier.verify(&request, now) else { return };

    let cause = diagnose(&verifier, &request, &error, now, [("/other", &verifier)]);

    // The same key cannot fit as another route's.
    assert!(!matches!(cause, Some(Cause::OtherRoute { .. })));
    if let Some(cause) = cause {
        assert!(!cause.to_string().is_empty() && !cause.hint().is_empty());
    }
});
