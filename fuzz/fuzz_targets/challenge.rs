//! Answers to challenges: whatever a sender sends, an answer is short and of printable ASCII, and one on the wrong side of the
//! verification is never given.
#![no_main]

use std::time::SystemTime;

use clawgate::signature::{
    Challenge, Key, MAX_CHALLENGE_BODY, Overrides, Scheme, SignedRequest, Verifier, preset,
};
use http::{HeaderMap, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "secret";

/// Verifies every request that has the token.
fn verifier() -> Verifier {
    let scheme = Scheme::new(preset("gitlab").unwrap(), Overrides::default()).unwrap();
    let key = Key::read("secret", SECRET.as_bytes(), &scheme).unwrap();
    Verifier::new(scheme, vec![key]).unwrap()
}

fuzz_target!(|input: (u8, bool, &str, &[u8])| {
    let (number, is_get, target, body) = input;
    let challenge = Challenge::ALL[usize::from(number) % Challenge::ALL.len()];
    let method = if is_get { Method::GET } else { Method::POST };
    let mut headers = HeaderMap::new();
    headers.insert("x-gitlab-token", HeaderValue::from_static(SECRET));
    let request = SignedRequest { method: &method, target, public_url: None, headers: &headers, body };
    let verifier = verifier();
    let verified = verifier.verify(&request, SystemTime::UNIX_EPOCH).unwrap();

    let unsigned = challenge.answer_unsigned(&request, Some(b"token"));
    let signed = challenge.answer_signed(&request, &verified, &verifier);

    assert!(!challenge.is_signed() || unsigned == Ok(None));
    assert!(challenge.is_signed() || signed == Ok(None));
    for answer in [unsigned, signed].into_iter().filter_map(Result::ok).flatten() {
        assert!(answer.body.len() <= MAX_CHALLENGE_BODY);
        for text in [answer.body, answer.secret.unwrap_or_default()] {
            assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
});
