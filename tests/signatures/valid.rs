//! The examples of senders are valid; with any bit changed they are not.

use clawgate::signature::{
    Key, OutgoingRequest, PRESETS, Scheme, SignatureError, VerifiedSignature, Verifier,
};
use http::{HeaderValue, Method};

use super::vectors::{VECTORS, Vector};
use super::{add, at, post, scheme, verify};

fn request(vector: &Vector) -> OutgoingRequest {
    let mut request = post(vector.body);
    request.public_url = Some(vector.url.0.to_owned());
    request.target = vector.url.1.to_owned();
    for (name, value) in vector.headers {
        add(&mut request, name, value);
    }
    request
}

/// Verifies a request like a vector's, at the vector's time; `None` if the key cannot be read.
fn verify_as(
    vector: &Vector,
    scheme: Scheme,
    key: &[u8],
    request: &OutgoingRequest,
) -> Option<Result<VerifiedSignature, SignatureError>> {
    let key = Key::read("secret", key, &scheme).ok()?;
    let verifier = Verifier::new(scheme, vec![key]).unwrap();
    Some(verify(&verifier, request, at(vector.time.unwrap_or(0))))
}

/// The text with one bit changed, for each bit.
fn changed(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..text.len() * 8).map(|bit| {
        let mut text = text.to_vec();
        text[bit / 8] ^= 1 << (bit % 8);
        text
    })
}

/// The headers of signature, time and id.
fn signed_headers(vector: &Vector) -> impl Iterator<Item = &(&'static str, &'static str)> {
    vector.headers.iter().filter(|(name, _)| *name != "content-type")
}

fn refused(vector: &Vector, key: &[u8], request: &OutgoingRequest) {
    let verified = verify_as(vector, scheme(vector.scheme), key, request);
    let key = String::from_utf8_lossy(key);
    assert!(!matches!(verified, Some(Ok(_))), "{}: {key} {request:?}", vector.scheme);
}

#[test]
fn the_signatures_that_senders_document_are_valid() {
    for vector in VECTORS {
        let verified = verify_as(vector, scheme(vector.scheme), vector.key.as_bytes(), &request(vector));
        let verified = verified.unwrap().unwrap_or_else(|error| panic!("{}: {error}", vector.scheme));
        assert_eq!(verified.timestamp(), vector.time.map(at), "{}", vector.scheme);
        assert_eq!(verified.skew(), vector.time.map(|_| 0), "{}", vector.scheme);
        assert_eq!(verified.scheme(), vector.scheme);
        assert_eq!(&**verified.key_file(), "secret");
    }
}

#[test]
fn a_changed_bit_of_the_body_is_refused() {
    for vector in VECTORS {
        for body in changed(vector.body.as_bytes()) {
            // Twilio signs the decoded parameters: the case of an escape does not matter.
            let parameters = |body| form_urlencoded::parse(body).into_owned().collect::<Vec<_>>();
            if vector.scheme == "twilio" && parameters(&body) == parameters(vector.body.as_bytes()) {
                continue;
            }
            refused(vector, vector.key.as_bytes(), &OutgoingRequest { body, ..request(vector) });
        }
    }
}

#[test]
fn a_body_that_is_longer_or_shorter_is_refused() {
    for vector in VECTORS {
        for body in
            ["", &vector.body[1..], &vector.body[..vector.body.len() - 1], &format!("{}\n", vector.body)]
        {
            let body = body.as_bytes().to_vec();
            refused(vector, vector.key.as_bytes(), &OutgoingRequest { body, ..request(vector) });
        }
    }
}

#[test]
fn a_changed_bit_of_id_time_or_signature_is_refused() {
    for vector in VECTORS {
        for (name, value) in signed_headers(vector) {
            for changed in changed(value.as_bytes()) {
                // Hexadecimal digits in the other case are the same signature.
                let is_hex = vector.scheme != "standard-webhooks" && !value.ends_with('=');
                if is_hex
                    && changed.eq_ignore_ascii_case(value.as_bytes())
                    && changed.starts_with(&value.as_bytes()[..3])
                {
                    continue;
                }
                let Ok(changed) = HeaderValue::from_bytes(&changed) else { continue };
                let mut request = request(vector);
                request.headers.insert(*name, changed);
                refused(vector, vector.key.as_bytes(), &request);
            }
        }
    }
}

#[test]
fn a_request_without_one_of_its_headers_is_refused() {
    for vector in VECTORS {
        for (name, _) in signed_headers(vector) {
            let mut request = request(vector);
            request.headers.remove(*name);
            refused(vector, vector.key.as_bytes(), &request);
        }
    }
}

#[test]
fn a_changed_bit_of_the_key_is_refused() {
    for vector in VECTORS {
        for key in changed(vector.key.as_bytes()) {
            refused(vector, &key, &request(vector));
        }
    }
}

#[test]
fn a_changed_url_or_method_is_refused_where_it_is_signed() {
    for vector in VECTORS {
        let coverage = scheme(vector.scheme).coverage();
        if coverage.url {
            for target in changed(vector.url.1.as_bytes()) {
                let Ok(target) = String::from_utf8(target) else { continue };
                refused(vector, vector.key.as_bytes(), &OutgoingRequest { target, ..request(vector) });
            }
            let public_url = Some(vector.url.0.replace("https:", "http:"));
            refused(vector, vector.key.as_bytes(), &OutgoingRequest { public_url, ..request(vector) });
            refused(
                vector,
                vector.key.as_bytes(),
                &OutgoingRequest { public_url: None, ..request(vector) },
            );
        }
        if coverage.method {
            let method = Method::PUT;
            refused(vector, vector.key.as_bytes(), &OutgoingRequest { method, ..request(vector) });
        }
    }
}

#[test]
fn another_scheme_refuses_it_unless_its_sender_signs_in_the_same_way() {
    let same = [&["standard-webhooks", "svix", "fathom"][..], &["github", "meta"]];
    for vector in VECTORS {
        let presets = PRESETS.iter().filter(|preset| Scheme::new(preset, Default::default()).is_ok());
        for preset in presets {
            let is_same =
                |names: &&[&str]| names.contains(&preset.name) && names.contains(&vector.scheme);
            let is_same = preset.name == vector.scheme || same.iter().any(is_same);
            let verified =
                verify_as(vector, scheme(preset.name), vector.key.as_bytes(), &request(vector));
            assert_eq!(matches!(verified, Some(Ok(_))), is_same, "{} as {}", vector.scheme, preset.name);
        }
    }
}
