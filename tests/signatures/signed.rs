//! What a sender signs is valid, whatever it is; and nothing else is.

use clawgate::signature::{Algorithm, Encoding, OutgoingRequest, ReplayBy, Source};
use proptest::collection::vec;
use proptest::prelude::*;

use super::senders::{Sender, senders};
use super::{NOW, at, post, verify};

/// A body that has a place for what some senders put into it.
fn json(text: &str) -> String {
    serde_json::json!({ "text": text, "list": [1, { "text": text }] }).to_string()
}

fn signed(sender: &Sender, secret: &[u8], body: &str, time: u64) -> OutgoingRequest {
    let mut request = post(body);
    let verifier = sender.verifier(secret);
    let signed = sender.sign(&verifier, &mut request, at(time), "evt_1");
    signed.unwrap_or_else(|error| panic!("{}: {error}", sender.name));
    request
}

/// The request with another text where the signature or token is.
fn with_signature(request: &OutgoingRequest, source: &Source, value: &str) -> Option<OutgoingRequest> {
    let mut request = request.clone();
    match source {
        Source::Header(name) => request.headers.insert(name, value.parse().ok()?),
        Source::Headers(prefix) => {
            let name = http::HeaderName::from_bytes(format!("{prefix}1").as_bytes()).ok()?;
            request.headers.insert(name, value.parse().ok()?)
        }
        Source::Bearer => {
            request.headers.insert("authorization", format!("Bearer {value}").parse().ok()?)
        }
        _ => return None,
    };
    Some(request)
}

/// Where the sender has put its signature; `None` for a generic scheme.
fn place(sender: &Sender) -> Option<Source> {
    sender.scheme.preset().layouts.first().map(|layout| layout.signature[0].parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_a_sender_signs_is_valid(
        secret in vec(any::<u8>(), 1..80),
        text in ".{0,80}",
        time in 1_000_000_000u64..4_000_000_000,
        late in 0u64..60,
    ) {
        for sender in senders() {
            let request = signed(&sender, &secret, &json(&text), time);
            let verified = verify(&sender.verifier(&secret), &request, at(time + late));
            let verified = verified.unwrap_or_else(|error| panic!("{}: {error}", sender.name));
            let has_time = sender.scheme.tolerance().is_some();
            prop_assert_eq!(verified.timestamp().is_some(), has_time);
            prop_assert_eq!(verified.skew(), has_time.then_some(-(late as i64)), "{}", sender.name);
            prop_assert_eq!(verified.event().is_some(), sender.scheme.replay() != ReplayBy::Off);
        }
    }

    #[test]
    fn bodies_need_not_be_text(secret in vec(any::<u8>(), 1..80), body in vec(any::<u8>(), 0..200)) {
        for sender in senders() {
            let mut request = OutgoingRequest { body: body.clone(), ..post("") };
            let verifier = sender.verifier(&secret);
            // Some put a value into the body, which must be JSON then.
            if sender.sign(&verifier, &mut request, at(NOW), "evt_1").is_ok() {
                let verified = verify(&verifier, &request, at(NOW));
                prop_assert!(verified.is_ok(), "{}: {verified:?}", sender.name);
            }
        }
    }

    #[test]
    fn another_secret_is_refused(secret in vec(any::<u8>(), 1..80), other in vec(any::<u8>(), 1..80)) {
        // HMAC pads a key with zero bytes: two that differ in those alone are the same key.
        let end = |key: &[u8]| key.iter().rposition(|byte| *byte != 0);
        prop_assume!(end(&secret).map(|at| &secret[..=at]) != end(&other).map(|at| &other[..=at]));
        for sender in senders().iter().filter(|sender| sender.algorithm.is_none_or(Algorithm::is_hmac)) {
            let request = signed(sender, &secret, &json("x"), NOW);
            let verified = verify(&sender.verifier(&other), &request, at(NOW));
            prop_assert!(verified.is_err(), "{}", sender.name);
        }
    }

    #[test]
    fn a_made_up_signature_is_refused(value in "[ -~]{0,120}", bytes in vec(any::<u8>(), 0..70)) {
        for sender in senders() {
            let request = signed(&sender, b"secret", &json("x"), NOW);
            let preset = sender.scheme.preset();
            let made_up = [
                value.clone(),
                format!("{}{value}", preset.prefix),
                format!("{}{}", preset.prefix, Encoding::Hex.encode(&bytes)),
                format!("v1,{}", Encoding::Base64.encode(&bytes)),
                format!("t={NOW},v1={}", Encoding::Hex.encode(&bytes)),
            ];
            let Some(source) = place(&sender) else { continue };
            for value in &made_up {
                let Some(request) = with_signature(&request, &source, value) else { continue };
                let verified = verify(&sender.verifier(b"secret"), &request, at(NOW));
                prop_assert!(verified.is_err(), "{}: {value}", sender.name);
            }
        }
    }
}

#[test]
fn an_empty_signature_is_refused_by_every_scheme() {
    for sender in senders() {
        let request = signed(&sender, b"secret", &json("x"), NOW);
        let preset = sender.scheme.preset();
        if let Some(source) = place(&sender) {
            for value in [
                "",
                preset.prefix,
                "v1=",
                "v1,",
                "v1, v1a,",
                "t=1700000000,v1=",
                "ts=1700000000;h1=",
                "0",
                "=",
            ] {
                let Some(request) = with_signature(&request, &source, value) else { continue };
                let verified = verify(&sender.verifier(b"secret"), &request, at(NOW));
                assert!(verified.is_err(), "{}: {value:?}", sender.name);
            }
        }
    }
}

#[test]
fn a_signature_of_another_algorithm_is_refused() {
    let generic: Vec<_> = senders().into_iter().filter(|sender| sender.name.ends_with(" hex")).collect();
    assert_eq!(generic.len(), Algorithm::ALL.len());
    for signer in &generic {
        let request = signed(signer, b"secret", &json("x"), NOW);
        for receiver in &generic {
            let verified = verify(&receiver.verifier(b"secret"), &request, at(NOW));
            assert_eq!(
                verified.is_ok(),
                signer.name == receiver.name,
                "{} by {}",
                signer.name,
                receiver.name
            );
        }
    }
}

#[test]
fn the_mark_of_another_algorithm_does_not_help() {
    let both: Vec<_> =
        senders().into_iter().filter(|sender| sender.name == "standard-webhooks").collect();
    assert_eq!(both.len(), 2);
    for sender in &both {
        let mut request = signed(sender, b"secret", "{}", NOW);
        let signature = request.headers["webhook-signature"].to_str().unwrap().to_owned();
        let (mark, bytes) = signature.split_once(',').unwrap();
        let other = if mark == "v1" { "v1a" } else { "v1" };
        let changed = format!("{other},{bytes}").parse().unwrap();
        request.headers.insert("webhook-signature", changed);
        for receiver in &both {
            assert!(
                verify(&receiver.verifier(b"secret"), &request, at(NOW)).is_err(),
                "{mark} as {other}"
            );
        }
    }
}
