//! Why a rule cannot be read, and why one does not match a certificate.

use std::fmt;

use thiserror::Error;

use crate::identity::DnError;

/// Why a rule could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleError {
    /// A part has no `=`, or nothing before or after it.
    #[error("`{0}` is not of the form `name=value`, e.g. `cn=meeting-notes`")]
    NotAPair(String),
    /// The name before `=` is unknown.
    #[error(
        "`{0}` is unknown; use cn, o, ou, dns, uri, email, ip, issuer, issuer-spki, serial, fingerprint \
         or spki, or `any` alone"
    )]
    UnknownMatcher(String),
    /// `any` together with other parts.
    #[error("`any` stands alone: with other parts beside it, it says nothing")]
    AnyAndMore,
    /// Two values for a field that a certificate has only once.
    #[error("`{0}` is there twice, and a certificate has one: write two rules, of which one suffices")]
    Twice(&'static str),
    /// A `*` in a field whose values are compared exactly.
    #[error("`{0}={1}` has a `*`, but {0} is compared exactly; write the whole value (`\\*` is a star)")]
    Wildcard(&'static str, String),
    /// `**`, which some other languages have.
    #[error(
        "`{0}` has `**`, but a `*` never stands for more than one label or path segment; write one `*` for each"
    )]
    DoubleWildcard(String),
    /// A value that no certificate can have.
    #[error("`{0}={1}` could never match: {2}")]
    Malformed(&'static str, String, #[source] ValueError),
    /// The value of `ip=` is neither an address nor a block of addresses.
    #[error("`{0}` is neither an IP address nor a block such as 10.0.0.0/8 (IPv4 is written as such)")]
    NotAnIp(String),
    /// A block whose address has bits after the prefix.
    #[error("`{0}` has bits beyond its prefix; write {1}, or the address alone")]
    BeyondPrefix(String, String),
    /// A hash that is not 64 hex digits, or a serial that is not hex.
    #[error("`{0}` is not {1} (colons are allowed)")]
    NotHex(String, &'static str),
    /// The issuer is not a distinguished name.
    #[error(
        "the issuer is no distinguished name: {0}; its commas make quotes necessary: issuer=\"CN=Issuing CA,O=Example\""
    )]
    Issuer(#[source] DnError),
    /// A quote that is not closed.
    #[error("the quote before `{0}` does not end")]
    OpenQuote(String),
    /// Text between the closing quote and the comma.
    #[error("`{0}` stands after the end of a quote, where a comma is due")]
    AfterQuote(String),
    /// A backslash before a character that needs no backslash.
    #[error("there is a backslash before `{0}`, but it stands before , \" \\ or * only")]
    BadEscape(String),
    /// A control character, such as a line end.
    #[error("there is the control character {0} in it")]
    Control(String),
    /// A pin that is neither a fingerprint nor a key hash.
    #[error("`{0}` is no pin; use fingerprint=… or spki=…")]
    NotAPin(String),
}

/// Why no certificate can have a value.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ValueError {
    /// A host name with other characters than ASCII.
    #[error("certificates have such names in ASCII only: write its xn-- form")]
    NotAscii,
    /// An empty label, or a character that no host name has.
    #[error("a host name is made of labels of letters, digits and hyphens, with dots between them")]
    NotAHostName,
    /// An e-mail address without a domain.
    #[error("it has no @")]
    NoAt,
    /// An e-mail address without a local part.
    #[error("it has nothing before the @")]
    NoLocalPart,
    /// A URI without a scheme.
    #[error("it has no scheme, as in spiffe://…")]
    NoScheme,
    /// A URI whose scheme breaks RFC 3986 section 3.1.
    #[error("what is before the colon is no scheme, as in spiffe://…")]
    InvalidScheme,
    /// A URI with characters that RFC 3986 does not allow.
    #[error("such characters are percent-encoded in a URI")]
    NotEncoded,
    /// A `*` in the authority of a URI.
    #[error("a `*` stands in its path only; name the host (SPIFFE: the trust domain)")]
    WildcardInAuthority,
    /// A `*` in a URI with a query or fragment.
    #[error("a `*` cannot be mixed with a query or fragment")]
    WildcardWithQuery,
}

/// A part of a rule that does not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The part.
    pub wanted: String,
    /// What the certificate has instead, in words.
    pub found: String,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, found } = self;
        write!(f, "{wanted} is asked for, but {found}")
    }
}
