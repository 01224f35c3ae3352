//! Allow rules: `cn=meeting-notes`, `dns=a.example`, or several that must all hold,
//! `cn=meeting-notes, o=Example Ltd`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

use crate::identity::{Peer, San};

/// Any-of over [`AllowRule`]s. Without a rule everybody is admitted.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<AllowRule>);

impl Rules {
    /// Rules in the order they were written.
    pub fn new(rules: Vec<AllowRule>) -> Self {
        Self(rules)
    }

    /// Whether there is no rule, so that any certificate of the CA is admitted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some rule matches, or there is none.
    pub fn admit(&self, peer: &Peer) -> bool {
        self.0.is_empty() || self.matching(peer).is_some()
    }

    /// The first rule that matches.
    pub fn matching(&self, peer: &Peer) -> Option<&AllowRule> {
        self.0.iter().find(|rule| rule.matches(peer))
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, rule) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" or ")?;
            }
            write!(f, "[{rule}]")?;
        }
        Ok(())
    }
}

/// One line of `allow`: all of its matchers must hold. Values are compared exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowRule {
    text: String,
    matchers: Vec<Matcher>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Matcher {
    Cn(String),
    O(String),
    Ou(String),
    Dns(String),
    Uri(String),
    Email(String),
    Ip(IpAddr),
    Serial(String),
    Fingerprint(String),
    Spki(String),
}

/// Why a rule could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// The part has no `=`, or nothing on one side of it.
    #[error("`{0}` is not of the form `name=value`, e.g. `cn=meeting-notes`")]
    NotAPair(String),
    /// The name before `=` is none that a rule knows.
    #[error("`{0}` is unknown; use cn, o, ou, dns, uri, email, ip, serial, fingerprint or spki")]
    UnknownMatcher(String),
    /// A `*`: values are compared exactly.
    #[error("`{0}` has a `*`, but values are compared exactly; write the whole value")]
    Wildcard(String),
    /// `ip=` is followed by something else than an address.
    #[error("`{0}` is not an IP address")]
    NotAnIp(String),
    /// A hash that is not 64 hex digits, or a serial that is not hex.
    #[error("`{0}` is not {1} (colons are allowed)")]
    NotHex(String, &'static str),
}

impl AllowRule {
    /// Whether it asks for one thing only.
    pub fn is_single(&self) -> bool {
        self.matchers.len() == 1
    }

    fn matches(&self, peer: &Peer) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(peer))
    }
}

impl FromStr for AllowRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let matchers = text.split(',').map(Matcher::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.trim().to_owned(), matchers })
    }
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Matcher {
    fn parse(part: &str) -> Result<Self, RuleError> {
        let part = part.trim();
        let (name, value) = match part.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
                (name.trim(), value.trim())
            }
            _ => return Err(RuleError::NotAPair(part.to_owned())),
        };
        if value.contains('*') {
            return Err(RuleError::Wildcard(part.to_owned()));
        }
        Ok(match name {
            "cn" => Self::Cn(value.to_owned()),
            "o" => Self::O(value.to_owned()),
            "ou" => Self::Ou(value.to_owned()),
            "dns" => Self::Dns(value.to_ascii_lowercase()),
            "uri" => Self::Uri(value.to_owned()),
            "email" => Self::Email(value.to_owned()),
            "ip" => Self::Ip(value.parse().map_err(|_| RuleError::NotAnIp(value.to_owned()))?),
            "serial" => Self::Serial(serial(value)?),
            "fingerprint" => Self::Fingerprint(hash(value)?),
            "spki" => Self::Spki(hash(value)?),
            other => return Err(RuleError::UnknownMatcher(other.to_owned())),
        })
    }

    fn matches(&self, peer: &Peer) -> bool {
        let san = |wanted: &dyn Fn(&San) -> bool| peer.sans.iter().any(wanted);
        match self {
            Self::Cn(cn) => peer.cn.as_ref() == Some(cn),
            Self::O(o) => peer.o.contains(o),
            Self::Ou(ou) => peer.ou.contains(ou),
            // Typed: a URI or e-mail SAN never satisfies a dns rule, nor does the CN.
            Self::Dns(name) => {
                san(&|san| matches!(san, San::Dns(dns) if dns.eq_ignore_ascii_case(name)))
            }
            Self::Uri(uri) => san(&|san| matches!(san, San::Uri(have) if have == uri)),
            Self::Email(address) => san(&|san| matches!(san, San::Email(have) if have == address)),
            Self::Ip(ip) => san(&|san| matches!(san, San::Ip(have) if have == ip)),
            Self::Serial(serial) => peer.certificate.serial == *serial,
            Self::Fingerprint(hash) => peer.certificate.fingerprint_sha256 == *hash,
            Self::Spki(hash) => peer.spki_sha256 == *hash,
        }
    }
}

/// 64 hex digits, colons allowed, as `openssl x509 -fingerprint -sha256` prints them.
fn hash(value: &str) -> Result<String, RuleError> {
    let hex = plain_hex(value);
    if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(hex);
    }
    Err(RuleError::NotHex(value.to_owned(), "a SHA-256 of 64 hex digits"))
}

/// Hex digits, colons allowed; brought to whole octets without a leading zero octet, the form in
/// which certificates give theirs.
fn serial(value: &str) -> Result<String, RuleError> {
    let hex = plain_hex(value);
    if hex.is_empty() || hex.len() > 40 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(RuleError::NotHex(value.to_owned(), "a serial number of up to 40 hex digits"));
    }
    let significant = hex.trim_start_matches('0');
    let padding = if significant.is_empty() {
        "00"
    } else if significant.len() % 2 == 1 {
        "0"
    } else {
        ""
    };
    Ok(format!("{padding}{significant}"))
}

fn plain_hex(value: &str) -> String {
    value.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Certificate;

    fn peer() -> Peer {
        Peer {
            certificate: Certificate {
                subject: "CN=notes".into(),
                issuer: "CN=ca".into(),
                serial: "0a1b".into(),
                not_before: String::new(),
                not_after: String::new(),
                san: vec![],
                fingerprint_sha256: "ab".repeat(32),
                key: "Ed25519".into(),
                eku: vec![],
            },
            cn: Some("notes.example".into()),
            o: vec!["Example".into()],
            ou: vec![],
            sans: vec![San::Dns("Notes.example".into()), San::Uri("spiffe://x/notes".into())],
            spki_sha256: "cd".repeat(32),
        }
    }

    fn admits(rules: &[&str]) -> bool {
        Rules::new(rules.iter().map(|rule| rule.parse().unwrap()).collect()).admit(&peer())
    }

    #[test]
    fn any_line_suffices_and_all_of_a_line_must_hold() {
        assert!(admits(&[]));
        assert!(admits(&["cn=other", "cn=notes.example"]));
        assert!(admits(&["cn=notes.example, o=Example"]));
        assert!(!admits(&["cn=notes.example, o=Other"]));
    }

    #[test]
    fn names_are_compared_within_their_kind() {
        assert!(admits(&["dns=notes.EXAMPLE"]));
        assert!(!admits(&["uri=notes.example"]));
        assert!(!admits(&["dns=spiffe://x/notes"]));
        assert!(!admits(&["email=notes.example"]));
    }

    #[test]
    fn hashes_and_serials_are_taken_as_openssl_prints_them() {
        assert!(admits(&[&format!("fingerprint={}", ["AB"; 32].join(":"))]));
        assert!(admits(&[&format!("spki={}", "cd".repeat(32))]));
        assert!(admits(&["serial=00:0A:1B"]));
        assert!(!admits(&["serial=0a1c"]));
    }

    #[test]
    fn a_rule_that_cannot_mean_what_it_says_is_refused() {
        let error = |text: &str| text.parse::<AllowRule>().unwrap_err();
        assert!(matches!(error("notes"), RuleError::NotAPair(_)));
        assert!(matches!(error("cn="), RuleError::NotAPair(_)));
        assert!(matches!(error(""), RuleError::NotAPair(_)));
        assert!(matches!(error("name=x"), RuleError::UnknownMatcher(_)));
        assert!(matches!(error("dns=*.example"), RuleError::Wildcard(_)));
        assert!(matches!(error("fingerprint=abc"), RuleError::NotHex(..)));
        assert!(matches!(error("ip=localhost"), RuleError::NotAnIp(_)));
    }
}
