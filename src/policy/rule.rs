//! One line of a list of rules: `cn=meeting-notes`, or several parts that must all hold.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::matcher::Matcher;
use super::syntax::parts;
use crate::identity::{DnError, Peer};

/// One line: all of its parts must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule(pub(super) Box<[Matcher]>);

/// Why a rule could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// A part has no `=`, or nothing on one side of it.
    #[error("`{0}` is not of the form `name=value`, e.g. `cn=meeting-notes`")]
    NotAPair(String),
    /// The name before `=` is none that a rule knows.
    #[error(
        "`{0}` is unknown; use cn, o, ou, dns, uri, email, ip, issuer, issuer-spki, serial, fingerprint \
         or spki, or `any` alone"
    )]
    UnknownMatcher(String),
    /// `any` beside something else.
    #[error("`any` stands alone: with other parts beside it, it says nothing")]
    AnyAndMore,
    /// Two values for something of which a certificate has one.
    #[error("`{0}` is there twice, and a certificate has one: write two rules, of which one suffices")]
    Twice(&'static str),
    /// A `*` where values are compared exactly.
    #[error("`{0}={1}` has a `*`, but {0} is compared exactly; write the whole value (`\\*` is a star)")]
    Wildcard(&'static str, String),
    /// `**` as some languages have it.
    #[error(
        "`{0}` has `**`, but a `*` never stands for more than one label or path segment; write one `*` for each"
    )]
    DoubleWildcard(String),
    /// A value that no certificate can have.
    #[error("`{0}={1}` could never match: {2}")]
    Malformed(&'static str, String, &'static str),
    /// `ip=` is followed by something else than an address or a block of them.
    #[error("`{0}` is neither an IP address nor a block such as 10.0.0.0/8 (IPv4 is written as such)")]
    NotAnIp(String),
    /// A block whose address does not begin it.
    #[error("`{0}` has bits beyond its prefix; write {1}, or the address alone")]
    BeyondPrefix(String, String),
    /// A hash that is not 64 hex digits, or a serial that is not hex.
    #[error("`{0}` is not {1} (colons are allowed)")]
    NotHex(String, &'static str),
    /// The issuer is no distinguished name.
    #[error(
        "the issuer is no distinguished name: {0}; its commas make quotes necessary: issuer=\"CN=Issuing CA,O=Example\""
    )]
    Issuer(#[source] DnError),
    /// A quote that does not end.
    #[error("the quote before `{0}` does not end")]
    OpenQuote(String),
    /// Text between a quote's end and the comma.
    #[error("`{0}` stands after the end of a quote, where a comma is due")]
    AfterQuote(String),
    /// A backslash before something that needs none.
    #[error("there is a backslash before `{0}`, but it stands before , \" \\ or * only")]
    BadEscape(String),
    /// A line end or the like.
    #[error("there is the control character {0} in it")]
    Control(String),
    /// A pin of another kind.
    #[error("`{0}` is no pin; use fingerprint=… or spki=…")]
    NotAPin(String),
}

/// A part of a rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The part.
    pub wanted: String,
    /// What the certificate has of that kind, in words.
    pub found: String,
}

impl Rule {
    /// Whether it asks for one thing only.
    pub fn is_single(&self) -> bool {
        self.0.len() == 1
    }

    /// Whether it holds for every certificate.
    pub fn is_any(&self) -> bool {
        *self.0 == [Matcher::Any]
    }

    /// Whether it asks for something of the client itself, and not only for its issuer or for any name at all.
    pub(super) fn names_client(&self) -> bool {
        self.0.iter().any(Matcher::names_client)
    }

    /// Whether all of its parts hold.
    pub fn matches(&self, peer: &Peer) -> bool {
        self.0.iter().all(|matcher| matcher.matches(peer))
    }

    /// The parts that do not hold.
    pub fn misses(&self, peer: &Peer) -> Vec<Miss> {
        self.0.iter().filter_map(|matcher| matcher.miss(peer)).collect()
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let matchers = parts(text)?.into_iter().map(Matcher::read).collect::<Result<Vec<_>, _>>()?;
        if matchers.len() > 1 && matchers.contains(&Matcher::Any) {
            return Err(RuleError::AnyAndMore);
        }
        let mut singles: Vec<_> = matchers.iter().filter_map(Matcher::single).collect();
        singles.sort_unstable();
        match singles.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(RuleError::Twice(pair[0].name())),
            None => Ok(Self(matchers.into())),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, matcher) in self.0.iter().enumerate() {
            let separator = if i > 0 { ", " } else { "" };
            write!(f, "{separator}{matcher}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, found } = self;
        write!(f, "{wanted} is asked for, but {found}")
    }
}

/// A certificate or a key that is known by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin(Matcher);

impl Pin {
    /// Whether it is that of `peer`.
    pub fn matches(&self, peer: &Peer) -> bool {
        self.0.matches(peer)
    }

    /// What does not hold: nothing, or itself.
    pub fn misses(&self, peer: &Peer) -> Vec<Miss> {
        self.0.miss(peer).into_iter().collect()
    }
}

impl FromStr for Pin {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        use super::cert_field::CertField::{Fingerprint, Spki};
        let rule: Rule = text.parse()?;
        match &*rule.0 {
            [pin @ Matcher::Exact(Fingerprint | Spki, _)] => Ok(Self(pin.clone())),
            _ => Err(RuleError::NotAPin(rule.to_string())),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
