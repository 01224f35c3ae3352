//! One part of a rule: a field with a value, exact or with `*`; or `any`, for every certificate.

use std::fmt;
use std::net::IpAddr;

use super::cert_field::{CertField, listed};
use super::error::{Miss, RuleError, ValueError};
use super::pattern::{Pattern, WILDCARD};
use super::syntax::{Part, as_written, quote};
use crate::identity::{
    Peer, San, canonical_dn, canonical_dns, canonical_email, canonical_serial, canonical_uri,
};

/// How many names of a certificate are searched for the most similar one.
const NAMES_LOOKED_AT: usize = 32;

/// What a certificate must have to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matcher {
    /// Anything.
    Any,
    /// This value, in its canonical form.
    Exact(CertField, Box<str>),
    /// A value that matches the pattern.
    Like(Pattern),
    /// An address in the block.
    Ip(Block),
}

/// A block: all addresses with the same first bits (RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    address: IpAddr,
    prefix: u8,
}

impl Matcher {
    pub(crate) fn read(part: Part) -> Result<Self, RuleError> {
        let Part { name, value } = part;
        let value = match (name.as_str(), value) {
            ("any", None) => return Ok(Self::Any),
            (name, Some(value)) if !name.is_empty() && !value.is_empty() => value,
            (name, value) => {
                let equals = if value.is_some() { "=" } else { "" };
                return Err(RuleError::NotAPair(format!("{name}{equals}")));
            }
        };
        if name == "ip" {
            return Block::read(&value).map(Self::Ip);
        }
        let kind = CertField::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or(RuleError::UnknownMatcher(name))?;
        let text = canonical(kind, &value)?.into();
        if !value.contains(WILDCARD) {
            return Ok(Self::Exact(kind, text));
        }
        if !matches!(
            kind,
            CertField::Cn
                | CertField::O
                | CertField::Ou
                | CertField::Dns
                | CertField::Uri
                | CertField::Email
        ) {
            return Err(RuleError::Wildcard(kind.name(), as_written(&value)));
        }
        if value.contains([WILDCARD, WILDCARD].iter().collect::<String>().as_str()) {
            return Err(RuleError::DoubleWildcard(as_written(&value)));
        }
        Ok(Self::Like(Pattern { kind, text }))
    }

    pub(super) fn matches(&self, peer: &Peer) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(kind, wanted) => kind.any(peer, |have| have == &**wanted),
            Self::Like(pattern) => pattern.kind.any(peer, |have| pattern.matches(have)),
            Self::Ip(block) => peer.names.iter().any(|name| match name {
                San::Ip(ip) => block.contains(*ip),
                _ => false,
            }),
        }
    }

    /// Whether it requires something of the client itself, and not only an issuer or any name.
    pub(super) fn names_client(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Exact(kind, _) => !matches!(kind, CertField::Issuer | CertField::IssuerSpki),
            Self::Like(pattern) => pattern.text.contains(char::is_alphanumeric),
            Self::Ip(block) => block.prefix > 0,
        }
    }

    /// The field that it requires, if a certificate has it at most once.
    pub(super) fn single(&self) -> Option<CertField> {
        match self {
            Self::Exact(kind, _) | Self::Like(Pattern { kind, .. }) if kind.is_single() => Some(*kind),
            _ => None,
        }
    }

    /// What the certificate has instead; `None` if the part matches.
    pub(super) fn miss(&self, peer: &Peer) -> Option<Miss> {
        (!self.matches(peer)).then(|| Miss { wanted: self.to_string(), found: self.found(peer) })
    }

    fn found(&self, peer: &Peer) -> String {
        match self {
            Self::Any => "it is any certificate".to_owned(),
            Self::Exact(kind, _) | Self::Like(Pattern { kind, .. }) => kind.found(peer),
            Self::Ip(_) => {
                let ips = peer.names.iter().filter_map(|name| match name {
                    San::Ip(ip) => Some(ip.to_string()),
                    _ => None,
                });
                listed("ip", &ips.collect::<Vec<_>>())
            }
        }
    }

    /// How many characters the most similar value has in common with the wanted text, from either end.
    pub(super) fn likeness(&self, peer: &Peer) -> usize {
        let (kind, text) = match self {
            Self::Exact(kind, text) | Self::Like(Pattern { kind, text }) => (*kind, text),
            Self::Any | Self::Ip(_) => return 0,
        };
        let (mut best, mut looked_at) = (0, 0);
        kind.any(peer, |have| {
            let same = |(a, b): &(char, char)| a.eq_ignore_ascii_case(b);
            let from_start = text.chars().zip(have.chars()).take_while(same).count();
            let from_end = text.chars().rev().zip(have.chars().rev()).take_while(same).count();
            best = best.max(from_start.max(from_end));
            looked_at += 1;
            looked_at == NAMES_LOOKED_AT
        });
        best
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Exact(kind, text) | Self::Like(Pattern { kind, text }) => {
                write!(f, "{kind}={}", quote(text))
            }
            Self::Ip(block) => write!(f, "ip={block}"),
        }
    }
}

impl Block {
    fn read(value: &str) -> Result<Self, RuleError> {
        let wrong = || RuleError::NotAnIp(as_written(value));
        let (address, prefix) = match value.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (value, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix.parse().map_err(|_| wrong()))?;
        // The addresses in certificates are compared in their shorter form.
        if prefix > bits || address != address.to_canonical() {
            return Err(wrong());
        }
        let block = Self { address, prefix };
        if block.first() != address {
            let meant = Self { address: block.first(), prefix };
            return Err(RuleError::BeyondPrefix(value.to_owned(), meant.to_string()));
        }
        Ok(block)
    }

    /// The address, if the block has only one.
    pub(super) fn single(self) -> Option<IpAddr> {
        let bits = if self.address.is_ipv4() { 32 } else { 128 };
        (self.prefix == bits).then_some(self.address)
    }

    fn contains(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == self.address.is_ipv4()
            && Self { address: ip, prefix: self.prefix }.first() == self.address
    }

    fn first(self) -> IpAddr {
        match self.address {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4((ip.to_bits() & mask).into())
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6((ip.to_bits() & mask).into())
            }
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(ip) => write!(f, "{ip}"),
            None => write!(f, "{}/{}", self.address, self.prefix),
        }
    }
}

/// The canonical form, in which values of this field are compared. Wildcards are kept.
fn canonical(kind: CertField, value: &str) -> Result<String, RuleError> {
    let malformed = |why| RuleError::Malformed(kind.name(), as_written(value), why);
    match kind {
        CertField::Cn | CertField::O | CertField::Ou => Ok(value.to_owned()),
        CertField::Dns => {
            let name = canonical_dns(value);
            host(&name).map_err(malformed)?;
            Ok(name)
        }
        CertField::Email => {
            let (local, domain) = value.rsplit_once('@').ok_or_else(|| malformed(ValueError::NoAt))?;
            if local.is_empty() {
                return Err(malformed(ValueError::NoLocalPart));
            }
            host(domain).map_err(malformed)?;
            Ok(canonical_email(value))
        }
        CertField::Uri => {
            uri(value).map_err(malformed)?;
            Ok(canonical_uri(value))
        }
        CertField::Issuer if value.contains(WILDCARD) => {
            Err(RuleError::Wildcard(kind.name(), as_written(value)))
        }
        CertField::Issuer => canonical_dn(value).map_err(RuleError::Issuer),
        CertField::Serial => canonical_serial(value)
            .ok_or_else(|| RuleError::NotHex(as_written(value), "a serial number in hex")),
        CertField::IssuerSpki | CertField::Fingerprint | CertField::Spki => hash(value),
    }
}

/// Checks that `name` can be a host name. Wildcards are allowed.
fn host(name: &str) -> Result<(), ValueError> {
    if !name.is_ascii() {
        return Err(ValueError::NotAscii);
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*' | 0);
    if name.split('.').any(|label| label.is_empty() || !label.bytes().all(fits)) {
        return Err(ValueError::NotAHostName);
    }
    Ok(())
}

/// Checks that `value` can be a URI (RFC 3986). Wildcards are allowed in its path.
fn uri(value: &str) -> Result<(), ValueError> {
    let (scheme, rest) = value.split_once(':').ok_or(ValueError::NoScheme)?;
    let mut letters = scheme.bytes();
    let first = letters.next().is_some_and(|b| b.is_ascii_alphabetic());
    if !first || !letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
        return Err(ValueError::InvalidScheme);
    }
    if !value.is_ascii() || value.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
        return Err(ValueError::NotEncoded);
    }
    if !value.contains(WILDCARD) {
        return Ok(());
    }
    let authority = rest.strip_prefix("//").map_or("", |rest| rest.split('/').next().unwrap_or(rest));
    if authority.contains(WILDCARD) {
        return Err(ValueError::WildcardInAuthority);
    }
    if value.contains(['?', '#']) {
        return Err(ValueError::WildcardWithQuery);
    }
    Ok(())
}

/// A hash of 64 hex digits. Colons are allowed, as in the output of `openssl x509 -fingerprint -sha256`.
fn hash(value: &str) -> Result<String, RuleError> {
    let hex = plain_hex(value);
    if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(hex);
    }
    Err(RuleError::NotHex(as_written(value), "a SHA-256 of 64 hex digits"))
}

fn plain_hex(value: &str) -> String {
    value.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase()
}
