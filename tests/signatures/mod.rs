//! Signatures of senders: the library without sockets.

mod valid;
mod vectors;

use std::time::{Duration, SystemTime};

use clawgate::signature::{Key, Overrides, Scheme, Verifier, preset};

/// So many seconds after 1970.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The scheme of a preset, as it is.
fn scheme(name: &str) -> Scheme {
    Scheme::new(preset(name).unwrap(), Overrides::default()).unwrap()
}

/// A verifier with these keys.
fn verifier(scheme: Scheme, keys: &[&str]) -> Verifier {
    let read = |key: &&str| Key::read("secret", key.as_bytes(), &scheme).unwrap();
    let keys = keys.iter().map(read).collect();
    Verifier::new(scheme, keys).unwrap()
}
