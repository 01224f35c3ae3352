//! Signatures of senders: the library without sockets, and in `requests` a running clawgate.

mod bodies;
mod covered;
mod keys;
mod lists;
mod parsers;
mod requests;
mod schemes;
mod senders;
mod signed;
mod times;
mod tokens;
mod valid;
mod vectors;

use std::time::{Duration, SystemTime};

use clawgate::signature::{
    Key, OutgoingRequest, Overrides, Scheme, SignatureError, SignedRequest, VerifiedSignature, Verifier,
    preset,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// So many seconds after 1970.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// A time that nothing else is special about.
const NOW: u64 = 1_700_000_000;

/// The scheme of a preset, as it is.
fn scheme(name: &str) -> Scheme {
    with(name, |_| {})
}

/// The scheme of a preset with settings of its own.
fn with(name: &str, set: impl FnOnce(&mut Overrides)) -> Scheme {
    let mut overrides = Overrides::default();
    set(&mut overrides);
    Scheme::new(preset(name).unwrap(), overrides).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A verifier with the contents of these key files; they are called `0`, `1` and so on.
fn verifier(scheme: Scheme, keys: &[&str]) -> Verifier {
    let read =
        |(index, key): (usize, &&str)| Key::read(&index.to_string(), key.as_bytes(), &scheme).unwrap();
    let keys = keys.iter().enumerate().map(read).collect();
    Verifier::new(scheme, keys).unwrap()
}

/// A POST with this body to a public URL.
fn post(body: &str) -> OutgoingRequest {
    OutgoingRequest {
        method: Method::POST,
        target: "/hook?source=test".to_owned(),
        public_url: Some("https://hooks.example.org".to_owned()),
        headers: HeaderMap::new(),
        body: body.as_bytes().to_vec(),
    }
}

/// The same, with these headers.
fn post_with(headers: &[(&str, &str)], body: &str) -> OutgoingRequest {
    let mut request = post(body);
    for (name, value) in headers {
        add(&mut request, name, value);
    }
    request
}

/// Adds a header line.
fn add(request: &mut OutgoingRequest, name: &str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
    request.headers.append(name, HeaderValue::from_str(value).unwrap());
}

/// Checks the head alone, and then the whole request: a request that is valid has a valid head.
fn verify(
    verifier: &Verifier,
    request: &OutgoingRequest,
    now: SystemTime,
) -> Result<VerifiedSignature, SignatureError> {
    let received = request.as_received();
    let head = verifier.check_head(&SignedRequest { body: b"", ..received }, now);
    let whole = verifier.verify(&received, now);
    if let (Err(error), Ok(_)) = (&head, &whole) {
        panic!("the head is refused and the request is not: {error}");
    }
    whole
}
