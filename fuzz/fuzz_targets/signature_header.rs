//! Headers of signed requests: no text in them is a valid signature, and a head that is refused belongs to a request
//! that is refused.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use clawgate::signature::{Key, Overrides, PRESETS, Scheme, SignedRequest, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;

/// A key that each scheme can read: 32 bytes in base64.
const KEY: &[u8] = b"1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

static VERIFIERS: LazyLock<Vec<Verifier>> = LazyLock::new(|| {
    let schemes = PRESETS.iter().filter_map(|preset| Scheme::new(preset, Overrides::default()).ok());
    let verifiers = schemes.filter_map(|scheme| {
        let key = Key::read("key", KEY, &scheme).ok()?;
        Verifier::new(scheme, vec![key]).ok()
    });
    verifiers.collect()
});

fuzz_target!(|input: (u8, String, &[u8], &[u8], &[u8], &[u8])| {
    let (number, target, signature, time, id, body) = input;
    let verifier = &VERIFIERS[usize::from(number) % VERIFIERS.len()];
    let mut headers = HeaderMap::new();
    for layout in verifier.scheme().preset().layouts {
        let sources = layout.signature.iter().map(|source| (*source, signature));
        for (source, value) in sources.chain(layout.timestamp.map(|source| (source, time))).chain(layout.id.map(|source| (source, id))) {
            let name = source.strip_prefix("header:").map(|name| name.replace('*', "1"));
            let name = name.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
            if let (Some(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
    }
    let request = SignedRequest {
        method: &Method::POST,
        target: &target,
        public_url: Some("https://hooks.example.org"),
        headers: &headers,
        body,
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let head = verifier.check_head(&SignedRequest { body: b"", ..request }, now);
    let whole = verifier.verify(&request, now);
    assert!(whole.is_err(), "{whole:?}");
    let error = whole.unwrap_err().to_string();
    assert!(!error.chars().any(char::is_control), "{error}");
    if let Err(error) = head {
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
});
