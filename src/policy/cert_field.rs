//! The fields of a certificate that a rule can ask for.

use std::fmt;

use crate::identity::name::printable;
use crate::identity::{Peer, San};

/// How many names a sentence lists at most.
const LISTED: usize = 4;

/// A field of a certificate, as text. The most specific one comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CertField {
    Fingerprint,
    Spki,
    Serial,
    Uri,
    Dns,
    Email,
    Cn,
    IssuerSpki,
    Issuer,
    Ou,
    O,
}

impl CertField {
    pub(super) const ALL: [Self; 11] = [
        Self::Fingerprint,
        Self::Spki,
        Self::Serial,
        Self::Uri,
        Self::Dns,
        Self::Email,
        Self::Cn,
        Self::IssuerSpki,
        Self::Issuer,
        Self::Ou,
        Self::O,
    ];

    /// Its name in rules.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fingerprint => "fingerprint",
            Self::Spki => "spki",
            Self::Serial => "serial",
            Self::Uri => "uri",
            Self::Dns => "dns",
            Self::Email => "email",
            Self::Cn => "cn",
            Self::IssuerSpki => "issuer-spki",
            Self::Issuer => "issuer",
            Self::Ou => "ou",
            Self::O => "o",
        }
    }

    /// Whether a certificate has this field at most once. A rule that requires two values of such a field could never
    /// match.
    pub(super) fn is_single(self) -> bool {
        matches!(self, Self::Fingerprint | Self::Spki | Self::Serial | Self::Cn | Self::Issuer)
    }

    /// Whether `wanted` is true for a value of this field in the certificate of `peer`.
    ///
    /// Types of names are distinct: a URI, an e-mail address or the common name never counts as a DNS name.
    pub(super) fn any<'p>(self, peer: &'p Peer, mut wanted: impl FnMut(&'p str) -> bool) -> bool {
        match self {
            Self::Fingerprint => wanted(&peer.certificate.fingerprint_sha256),
            Self::Spki => wanted(&peer.spki_sha256),
            Self::Serial => wanted(&peer.certificate.serial),
            Self::Cn => peer.cn.as_deref().is_some_and(wanted),
            Self::Issuer => wanted(&peer.certificate.issuer),
            Self::IssuerSpki => peer.issuer_spki_sha256.iter().any(|key| wanted(key)),
            Self::Ou => peer.ou.iter().any(|ou| wanted(ou)),
            Self::O => peer.o.iter().any(|o| wanted(o)),
            Self::Uri | Self::Dns | Self::Email => peer.names.iter().any(|name| match (self, name) {
                (Self::Uri, San::Uri(text))
                | (Self::Dns, San::Dns(text))
                | (Self::Email, San::Email(text)) => wanted(text),
                _ => false,
            }),
        }
    }

    /// The values of this field in the certificate, in words.
    pub(super) fn found(self, peer: &Peer) -> String {
        let mut values = Vec::new();
        self.any(peer, |value| {
            values.push(printable(value));
            false
        });
        match (self, values.as_slice()) {
            (Self::Dns, []) if peer.cn.is_some() => {
                "it has no dns; its common name is not read as one".to_owned()
            }
            (Self::IssuerSpki, []) => "no key of a configured CA has been found to sign it".to_owned(),
            _ => listed(self.name(), &values),
        }
    }
}

impl fmt::Display for CertField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `it has dns=a, dns=b and 7 more`
pub(crate) fn listed(name: &str, values: &[String]) -> String {
    if values.is_empty() {
        return format!("it has no {name}");
    }
    let shown: Vec<_> = values.iter().take(LISTED).map(|value| format!("{name}={value}")).collect();
    let more = match values.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("it has {}{more}", shown.join(", "))
}
