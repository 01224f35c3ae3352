//! The content of a ClientHello, read from the raw records.
//!
//! rustls gives SNI, ALPN, suites, groups and schemes, but not `supported_versions`, and nothing after a refusal. So
//! the records are parsed again, by `tls-parser`, for the log only: no decision about trust depends on it.

use rustls::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};
use tls_parser::{
    TlsExtension, TlsExtensionType, TlsMessage, TlsMessageHandshake, TlsVersion,
    parse_tls_client_hello_extensions, parse_tls_message_handshake,
};

use super::ja4::Shape;
use crate::connection::version_name;
use crate::identity::name::printable;

/// Largest ClientHello that is accepted, in bytes. With the largest ticket (8 KiB) and several post-quantum key shares
/// a ClientHello has 13 KiB.
pub(super) const MAX_HELLO: usize = 16 * 1024;
/// Bytes of the records that it may be spread over. More go to rustls unread.
const MAX_RECORDS: usize = MAX_HELLO + 1024;
/// Values of one list beyond this many are left out.
const MAX_LIST: usize = 64;
/// The same for cipher suites and extensions.
const MAX_SUITES: usize = 256;

/// The facts of a ClientHello that a log line can use. Text is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Server name the client asked for.
    pub sni: Option<String>,
    /// Protocols it offered.
    pub alpn: Vec<String>,
    /// Versions it offered, `TLSv1.3` …; reserved ("GREASE") values are left out.
    pub versions: Vec<String>,
    /// Cipher suites, as IANA numbers.
    pub suites: Vec<u16>,
    /// Key exchange groups, as IANA numbers.
    pub groups: Vec<u16>,
    /// Signature schemes, as IANA numbers.
    pub schemes: Vec<u16>,
    /// Extensions in the order sent, as IANA numbers.
    pub(crate) extensions: Vec<u16>,
    /// The highest version offered, as on the wire.
    pub(crate) highest: u16,
}

/// The content of the first bytes of a TLS connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The ClientHello is not complete.
    Partial,
    /// The ClientHello is complete.
    Whole(Box<ClientHello>),
    /// It cannot be read. rustls reports the error.
    Unreadable,
    /// It has this many bytes, which is more than clawgate accepts.
    TooLarge(usize),
}

/// How many bytes of a ClientHello have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the message, including its header of 4 bytes.
    pub have: usize,
    /// The length of the message, if its header has come.
    pub of: Option<usize>,
}

impl Progress {
    /// The progress of the records in `bytes` (RFC 8446 sections 4 and 5.1).
    pub fn of(mut bytes: &[u8]) -> Self {
        let (mut header, mut have) = (Vec::with_capacity(4), 0);
        while let Some((&[_, _, _, high, low], rest)) = bytes.split_first_chunk() {
            let fragment = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
            header.extend(rest.iter().take(fragment.min(4 - header.len())));
            have += fragment;
            bytes = &rest[fragment..];
        }
        let of = match header[..] {
            [_, a, b, c] => Some(u32::from_be_bytes([0, a, b, c]) as usize + 4),
            _ => None,
        };
        Self { have, of }
    }
}

/// Parses the records in `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed {
    let message = match handshake_message(bytes) {
        Ok(Some(message)) => message,
        Ok(None) => return Parsed::Partial,
        Err(NoHello::Unreadable) => return Parsed::Unreadable,
        Err(NoHello::TooLarge(length)) => return Parsed::TooLarge(length),
    };
    match parse_tls_message_handshake(&message) {
        Ok((_, TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello)))) => {
            let extensions = hello.ext.map(parse_tls_client_hello_extensions);
            let extensions = extensions.and_then(Result::ok).map(|(_, list)| list).unwrap_or_default();
            let suites = known(hello.ciphers.iter().map(|id| id.0), MAX_SUITES);
            let kinds = extensions.iter().map(|extension| TlsExtensionType::from(extension).0);
            let mut facts = ClientHello {
                suites,
                extensions: known(kinds, MAX_SUITES),
                // RFC 8446 section 4.2.1: without the extension, legacy_version is the highest offered.
                highest: highest_version(&extensions).unwrap_or(hello.version.0),
                ..ClientHello::default()
            };
            for extension in &extensions {
                facts.take(extension);
            }
            if facts.versions.is_empty() {
                facts.versions.push(offered_version(hello.version));
            }
            Parsed::Whole(Box::new(facts))
        }
        _ => Parsed::Unreadable,
    }
}

/// The values that are not GREASE, at most `max`.
fn known(values: impl Iterator<Item = u16>, max: usize) -> Vec<u16> {
    values.filter(|value| !is_grease(*value)).take(max).collect()
}

fn highest_version(extensions: &[TlsExtension<'_>]) -> Option<u16> {
    extensions.iter().find_map(|extension| match extension {
        TlsExtension::SupportedVersions(versions) => {
            versions.iter().map(|version| version.0).filter(|version| !is_grease(*version)).max()
        }
        _ => None,
    })
}

/// Why the records have no ClientHello.
enum NoHello {
    /// They contain something else.
    Unreadable,
    /// Its header says that it has this many bytes.
    TooLarge(usize),
}

/// Joins the fragments of the first handshake message (RFC 8446 section 5.1); `None` when some are
/// still to come.
fn handshake_message(bytes: &[u8]) -> Result<Option<Vec<u8>>, NoHello> {
    let Some(length) = joined_length(bytes)? else { return Ok(None) };
    let mut message = Vec::with_capacity(length);
    let mut rest = bytes;
    while message.len() < length
        && let Some((&[_, _, _, high, low], fragment)) = rest.split_first_chunk()
        && let Some((fragment, after)) =
            fragment.split_at_checked(u16::from_be_bytes([high, low]).into())
    {
        message.extend_from_slice(fragment);
        rest = after;
    }
    Ok(Some(message))
}

/// The length of all fragments of the first handshake message. Copies nothing, because it is called for each piece of
/// data.
fn joined_length(mut bytes: &[u8]) -> Result<Option<usize>, NoHello> {
    let (mut header, mut joined) = (Vec::with_capacity(4), 0);
    loop {
        let [kind, major, _, high, low, rest @ ..] = bytes else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if *kind != 22 || *major != 3 || length == 0 || joined + length > MAX_RECORDS {
            return Err(NoHello::Unreadable);
        }
        header.extend(rest.iter().take(length.min(4 - header.len())));
        if header.first().is_some_and(|kind| *kind != 1) {
            return Err(NoHello::Unreadable);
        }
        let wanted = match header[..] {
            [_, a, b, c] => Some(u32::from_be_bytes([0, a, b, c]) as usize),
            _ => None,
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted > MAX_HELLO) {
            return Err(NoHello::TooLarge(wanted));
        }
        if rest.len() < length {
            return Ok(None);
        }
        joined += length;
        if wanted.is_some_and(|wanted| joined >= wanted + 4) {
            return Ok(Some(joined));
        }
        bytes = &rest[length..];
    }
}

impl ClientHello {
    fn take(&mut self, extension: &TlsExtension<'_>) {
        match extension {
            TlsExtension::SNI(names) => {
                self.sni = names.first().map(|(_, name)| printable(&String::from_utf8_lossy(name)));
            }
            TlsExtension::ALPN(protocols) => {
                let names = protocols.iter().filter(|name| !is_grease_alpn(name)).take(MAX_LIST);
                self.alpn = names.map(|name| printable(&String::from_utf8_lossy(name))).collect();
            }
            TlsExtension::SupportedVersions(versions) => {
                let known = versions.iter().filter(|version| !is_grease(version.0)).take(MAX_LIST);
                self.versions = known.map(|version| offered_version(*version)).collect();
            }
            TlsExtension::EllipticCurves(groups) => {
                self.groups = known(groups.iter().map(|group| group.0), MAX_LIST);
            }
            TlsExtension::SignatureAlgorithms(schemes) => {
                self.schemes = known(schemes.iter().copied(), MAX_LIST);
            }
            _ => {}
        }
    }

    /// JA4 fingerprint.
    pub fn ja4(&self) -> String {
        Shape {
            version: self.highest,
            has_sni: self.sni.is_some(),
            alpn: self.alpn.first().map(String::as_str),
            suites: &self.suites,
            extensions: &self.extensions,
            schemes: &self.schemes,
        }
        .ja4()
    }

    /// The cipher suites by name where they have one here, else by number.
    pub fn suite_names(&self) -> Vec<String> {
        named(&self.suites, |suite| CipherSuite::from(suite).as_str())
    }

    /// The key exchange groups likewise.
    pub fn group_names(&self) -> Vec<String> {
        named(&self.groups, |group| NamedGroup::from(group).as_str())
    }

    /// The signature schemes likewise.
    pub(super) fn scheme_names(&self) -> Vec<String> {
        named(&self.schemes, |scheme| SignatureScheme::from(scheme).as_str())
    }

    /// Whether a suite with ChaCha20 comes first. A client prefers it if its machine has no instructions for AES, which
    /// is then slow and hard to do in constant time (RFC 8439).
    pub(super) fn prefers_chacha20(&self) -> bool {
        matches!(
            self.suites.first().map(|&suite| CipherSuite::from(suite)),
            Some(
                CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                    | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                    | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
            )
        )
    }

    /// Whether TLS 1.2 or 1.3 is among the versions offered.
    pub fn offers_modern_version(&self) -> bool {
        self.versions.iter().any(|version| version == "TLSv1.2" || version == "TLSv1.3")
    }
}

fn named(values: &[u16], name: impl Fn(u16) -> Option<&'static str>) -> Vec<String> {
    let shown = values.iter().map(|&value| match name(value) {
        // rustls's names of the TLS 1.3 suites are not IANA's.
        Some(name) => name.replace("TLS13_", "TLS_"),
        None => format!("{value:#06x}"),
    });
    shown.collect()
}

/// RFC 8701 values, sent to keep servers tolerant.
fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn is_grease_alpn(name: &[u8]) -> bool {
    matches!(name, [high, low] if is_grease(u16::from_be_bytes([*high, *low])))
}

fn offered_version(version: TlsVersion) -> String {
    version_name(ProtocolVersion::from(version.0)).into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::aws_lc_rs};

    use super::*;

    fn hello_bytes(fragment: Option<usize>) -> Vec<u8> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.max_fragment_size = fragment;
        let mut client =
            ClientConnection::new(config.into(), "gate.example".try_into().unwrap()).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_hello_is_read_whole_or_in_fragments() {
        for fragment in [None, Some(100)] {
            let Parsed::Whole(facts) = parse(&hello_bytes(fragment)) else {
                panic!("not read, fragments of {fragment:?}");
            };
            assert_eq!(facts.sni.as_deref(), Some("gate.example"));
            assert_eq!(facts.alpn, ["h2", "http/1.1"]);
            assert_eq!(facts.versions, ["TLSv1.3", "TLSv1.2"]);
            assert!(facts.suites.contains(&0x1301));
            assert!(facts.ja4().starts_with("t13d"), "{}", facts.ja4());
            assert_eq!(facts.groups.first(), Some(&0x11ec), "X25519MLKEM768 comes first");
        }
    }

    #[test]
    fn every_prefix_of_a_hello_is_partial() {
        let bytes = hello_bytes(None);
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Parsed::Partial, "{end} of {}", bytes.len());
        }
    }

    #[test]
    fn how_much_of_a_hello_has_come_is_counted_without_the_headers_of_records() {
        for fragment in [None, Some(100)] {
            let bytes = hello_bytes(fragment);
            let whole = Progress::of(&bytes);
            assert_eq!(Some(whole.have), whole.of);
            let half = Progress::of(&bytes[..250]);
            assert_eq!(half.of, whole.of);
            let headers = if fragment.is_some() { 3 * 5 } else { 5 };
            assert_eq!(half.have, 250 - headers);
            assert_eq!(Progress::of(&bytes[..8]), Progress { have: 3, of: None });
            assert_eq!(Progress::of(&bytes[..4]), Progress { have: 0, of: None });
        }
    }

    #[test]
    fn a_hello_that_will_be_too_large_is_known_by_its_first_bytes() {
        let hello = |length: u32| [&[22, 3, 1, 0x40, 0, 1], &length.to_be_bytes()[1..]].concat();
        let (limit, more) = (MAX_HELLO as u32, 0xff_ffff);
        assert_eq!(parse(&hello(limit)), Parsed::Partial);
        assert_eq!(parse(&hello(limit + 1)), Parsed::TooLarge(MAX_HELLO + 1));
        assert_eq!(parse(&hello(more)), Parsed::TooLarge(more as usize));
        // Its header comes in two records.
        let split = [&[22, 3, 1, 0, 2, 1, 0xff][..], &[22, 3, 1, 0, 2, 0, 0]].concat();
        assert_eq!(parse(&split), Parsed::TooLarge(0xff_0000));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = (parse(&bytes), Progress::of(&bytes));
        }

        #[test]
        fn a_damaged_hello_does_not_make_it_panic(at in 0usize..400, to in any::<u8>()) {
            let mut bytes = hello_bytes(None);
            bytes[at] = to;
            let _ = parse(&bytes);
        }
    }
}
