//! Signatures that are right are taken; with any change they are not.

use http::{HeaderMap, HeaderName, HeaderValue, Method};

use clawgate::signature::{SignatureError, SignedRequest, VerifiedSignature};

use super::vectors::{VECTORS, Vector};
use super::{at, scheme, verifier};

/// Verifies a vector as its receiver would.
fn verify(vector: &Vector, key: &str) -> Result<VerifiedSignature, SignatureError> {
    let mut headers = HeaderMap::new();
    for (name, value) in vector.headers {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let request = SignedRequest {
        method: &Method::POST,
        target: vector.url.1,
        public_url: Some(vector.url.0),
        headers: &headers,
        body: vector.body.as_bytes(),
    };
    let now = at(vector.time.unwrap_or(0));
    let verifier = verifier(scheme(vector.scheme), &[key]);
    verifier.check_head(&SignedRequest { body: b"", ..request }, now)?;
    verifier.verify(&request, now)
}

#[test]
fn the_signatures_that_senders_document_are_valid() {
    for vector in VECTORS {
        let verified = verify(vector, vector.key);
        let verified = verified.unwrap_or_else(|error| panic!("{}: {error}", vector.scheme));
        assert_eq!(verified.timestamp(), vector.time.map(at), "{}", vector.scheme);
        assert_eq!(verified.scheme(), vector.scheme);
    }
}
