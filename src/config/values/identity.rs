//! Rules, pins, fingerprints, and what of a request a route takes.

use crate::config::value_type::{Invalid, Kind, ValueType, invalid, parse};
use crate::identity::Digest;
use crate::policy::{Pin, Rule};
use crate::route::{Methods, PathPattern, PatternError};

impl ValueType for Rule {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        parse(
            text,
            "write a rule such as `cn=meeting-notes`, or `dns=*.example, o=Example`, where both parts must match; put \
             a value that has a comma into double quotes: o=\"Example, Ltd\"",
        )
    }

    fn show(rule: &Self) -> String {
        rule.to_string()
    }
}

impl ValueType for Pin {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        parse(
            text,
            "write fingerprint= and the output of `openssl x509 -noout -fingerprint -sha256`, or spki= and the SHA-256 \
             of the public key; `clawgate explain CERT` shows both",
        )
    }

    fn show(pin: &Self) -> String {
        pin.to_string()
    }
}

/// The SHA-256 of a certificate.
#[derive(Debug)]
pub(in crate::config) struct Fingerprint;

impl ValueType for Fingerprint {
    type Value = Digest;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Digest, Invalid> {
        parse(
            text,
            "write what `openssl x509 -noout -fingerprint -sha256 -in CERT` prints after the `=`",
        )
    }

    fn show(digest: &Digest) -> String {
        digest.to_string()
    }
}

impl ValueType for PathPattern {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        text.parse().or_else(|error: PatternError| invalid(error.to_string(), error.path_hint()))
    }

    fn show(path: &Self) -> String {
        path.to_string()
    }
}

/// A method's name, or `any`.
#[derive(Debug)]
pub(in crate::config) struct Method;

impl ValueType for Method {
    type Value = String;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<String, Invalid> {
        match Methods::parse([text]) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => {
                let hint = "write methods in capitals, e.g. POST, or `any` for all but CONNECT";
                invalid(error.to_string(), hint)
            }
        }
    }

    fn show(method: &String) -> String {
        method.clone()
    }
}
