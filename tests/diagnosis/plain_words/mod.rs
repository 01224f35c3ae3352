//! No text of a library reaches a person. These tests cause every failure that a test can cause, and check what is
//! logged, answered and printed.

mod commands;
mod files;
mod handshakes;
mod requests;
mod settings;
mod starts;
mod upstreams;

use std::io;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible, PeerMisbehaved};
use serde_json::Value;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Words in camel case with a capital in front, as variants of Rust have them, that people of the field use. Those with
/// a small letter in front (`keyUsage`, `notAfter`) are of the standards.
const OF_THE_FIELD: &[&str] = &[
    "ClientHello",
    "JetStream",
    "ServerHello",
    "HelloRetryRequest",
    "CertificateVerify",
    "OpenClaw",
    "OpenSSL",
    "KiB",
    "MiB",
    "GiB",
    "LimitNOFILE",
    "ListenStream",
    "GnuTLS",
    "HAProxy",
    "PostgreSQL",
    "MySQL",
    "MongoDB",
    "BitTorrent",
    "CSPName",
    "TeletexString",
    "UniversalString",
    "WebSocket",
    "OpenSSH",
    "PowerShell",
];

/// What Rust and the libraries say where they are asked for their own words.
const PHRASES: &[&str] = &[
    "peer misbehaved",
    "peer is incompatible",
    "received corrupt message",
    "received unexpected message",
    "received unexpected handshake message",
    "received fatal alert",
    "invalid peer certificate",
    "invalid certificate revocation list",
    "connection closed before message completed",
    "unexpected error:",
    "error reading a body",
    "error writing a body",
    "operation was canceled",
    "channel closed",
    "parsed",
    "error trying to connect",
    "tls handshake eof",
    "tls handshake alert",
    "unexpected end of file",
    "os error",
    "close_notify: http",
    "failed to fill whole buffer",
    "Parsing Error",
    "BER error",
    "nom error",
    "invalid digit found",
    "cannot parse integer",
    "provided string was not",
    "invalid IP address syntax",
    "invalid socket address syntax",
    "invalid URL",
    "invalid authority",
    "invalid port",
    "empty string",
    "invalid uri character",
    "invalid format",
    "relative URL",
    "stream did not contain valid UTF-8",
    "invalid utf-8 sequence",
    "entity not found",
    "unspecific protocol error",
    "connection error",
    "stream error",
    "http2 error",
    "user error",
    "frame with invalid size",
    "time unit needed",
    "invalid unit",
    "expected value at line",
    "EOF while parsing",
    "trailing characters at line",
    "failed to lookup address",
    "message buffer full",
    "plaintext buffer full",
    "called `",
    "panicked at",
    "the data for key",
    "failed to parse private key",
    "deserialize",
    "base64 decode",
    "Invalid byte",
    "DecodeError",
];

/// The texts of libraries in `text`.
fn found(text: &str) -> Vec<String> {
    let mut found: Vec<_> = PHRASES
        .iter()
        .filter(|phrase| text.contains(**phrase))
        .map(|phrase| (*phrase).to_owned())
        .collect();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    found.extend(words.filter(|word| is_camel(word)).map(str::to_owned));
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        let after = &text[at + c.len_utf8()..];
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let is_debug = match c {
            // `Der(`, `Some(`, `Error {`: a word with a capital right before a bracket, and more after it.
            '(' | '{' => {
                let start = text[..at]
                    .trim_end_matches(' ')
                    .rfind(|c: char| !c.is_alphanumeric())
                    .map_or(0, |at| at + 1);
                let word = text[..at].trim_end_matches(' ').get(start..).unwrap_or_default();
                let is_tight = before != ' ' || c == '{';
                is_tight
                    && word.len() > 1
                    && word.starts_with(|c: char| c.is_ascii_uppercase())
                    && word.chars().skip(1).any(|c| c.is_ascii_lowercase())
            }
            // `[6, 3, 43`
            '[' => {
                after.split(", ").take(2).all(|number| {
                    let number = number.trim_end_matches(']');
                    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
                }) && after.contains(", ")
            }
            // `webpki::Error`, but not `::1` and not `[2001::1]`
            ':' if bytes.get(at + 1) == Some(&b':') => {
                let next = after[1..].chars().next().unwrap_or(' ');
                let path = text[..at]
                    .rsplit(|c: char| !c.is_alphanumeric() && c != '_')
                    .next()
                    .unwrap_or_default();
                next.is_alphabetic()
                    && path.len() > 2
                    && path.chars().any(|c| c.is_ascii_lowercase() && !c.is_ascii_hexdigit())
                    && path != "clawgate"
            }
            _ => false,
        };
        if is_debug {
            let (start, end) = (
                text.floor_char_boundary(at.saturating_sub(24)),
                text.ceil_char_boundary((at + 24).min(text.len())),
            );
            found.push(text[start..end].to_owned());
        }
    }
    found
}

fn is_camel(word: &str) -> bool {
    if OF_THE_FIELD.iter().any(|known| word == *known || word.strip_suffix('s') == Some(known)) {
        return false;
    }
    // Digits and capitals alone are numbers, base64 or hex.
    let is_word = word.chars().all(char::is_alphabetic);
    let begins = word.starts_with(|c: char| c.is_ascii_uppercase());
    is_word
        && begins
        && word.chars().zip(word.chars().skip(1)).any(|(a, b)| a.is_lowercase() && b.is_uppercase())
}

/// Fails if a library speaks in `text`, which came of `what`.
#[track_caller]
fn is_plain(what: &str, text: &str) {
    let found = found(text);
    assert!(found.is_empty(), "{found:?} is a library's text, of {what}: {text}");
}

/// The same for all strings in a log line or an answer; names of fields are this program's.
#[track_caller]
fn is_plain_json(what: &str, value: &Value) {
    match value {
        Value::String(text) => is_plain(what, text),
        Value::Array(items) => items.iter().for_each(|item| is_plain_json(what, item)),
        Value::Object(fields) => fields.values().for_each(|field| is_plain_json(what, field)),
        _ => {}
    }
}

/// All log lines of a clawgate, whatever they tell.
#[track_caller]
fn log_is_plain(lines: &[String]) {
    for line in lines {
        is_plain_json("the log", &serde_json::from_str(line).unwrap());
    }
}

#[test]
fn the_texts_of_libraries_are_recognised() {
    let other = || OtherError(Arc::new(io::Error::other("x")));
    let errors = [
        Error::PeerMisbehaved(PeerMisbehaved::ServerNameMustContainOneHostName),
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
        Error::InvalidMessage(InvalidMessage::InvalidContentType),
        Error::InvalidMessage(InvalidMessage::MissingData("ClientExtension")),
        Error::InvalidCertificate(CertificateError::BadEncoding),
        Error::InvalidCertificate(CertificateError::UnknownIssuer),
        Error::InvalidCertificate(CertificateError::InvalidPurpose),
        Error::InvalidCertificate(CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![6, 3, 43, 101, 113],
            supported_algorithms: vec![],
        }),
        Error::InvalidCertificate(CertificateError::Other(other())),
        Error::AlertReceived(rustls::AlertDescription::UnknownCA),
        Error::InappropriateMessage { expect_types: vec![], got_type: rustls::ContentType::Alert },
    ];
    for error in errors {
        assert!(!found(&error.to_string()).is_empty(), "{error}");
        assert!(!found(&format!("it failed: {error:?}")).is_empty(), "{error:?}");
    }
    let no_address = "x".parse::<std::net::SocketAddr>().unwrap_err();
    let no_number = "x".parse::<u8>().unwrap_err();
    let no_bool = "x".parse::<bool>().unwrap_err();
    let no_json = serde_json::from_str::<Value>("{").unwrap_err();
    let no_certificate =
        X509Certificate::from_der(&CertificateDer::from(&b"\x30\x03\x02\x01\x01"[..])).unwrap_err();
    let refused = io::Error::from_raw_os_error(111);
    let no_text = String::from_utf8(vec![0xff]).unwrap_err();
    let no_uri = "http://[".parse::<http::Uri>().unwrap_err();
    let texts: [&dyn std::fmt::Display; 8] =
        [&no_address, &no_number, &no_bool, &no_json, &no_certificate, &refused, &no_text, &no_uri];
    for text in texts {
        assert!(!found(&text.to_string()).is_empty(), "{text}");
    }
    for text in [
        "Some(\"x\")",
        "Error { kind: x }",
        "the key [6, 3, 43, 101] is bad",
        "at webpki::Error",
        "a BadDer came",
        "hyper::Error(IncompleteMessage)",
    ] {
        assert!(!found(text).is_empty(), "{text}");
    }
}

#[test]
fn plain_words_are_no_text_of_a_library() {
    for text in [
        "CN=Test Root (serial 0a1b) expired 24 hours ago, at 2026-11-22T18:35:51Z; clawgate's clock says otherwise",
        "[::1]:8443 and [2001:db8::1]:443, 127.0.0.1:1",
        "the client's ClientHello was incomplete (95 of its 512 bytes had come)",
        "have it issued with extendedKeyUsage=clientAuth; TLSv1.3, TLS_AES_128_GCM_SHA256",
        "suites 0x1301 [a, b] (RSA 2048)",
        "the log of clawgate::tls is at debug",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}
