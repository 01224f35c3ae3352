//! Why something is no revocation list that can be used, in words that say how to hint it.

use std::path::Path;

use thiserror::Error;

use crate::pki::der::Malformed;
use crate::pki::pem::FileError;

/// The hint where a list is about a part of what it is wanted for.
const COMPLETE: &str = "give the complete CRL that the CA issues for all of its certificates";

/// Why something is no list that can be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}")]
pub struct CrlError {
    what: String,
    hint: &'static str,
}

impl CrlError {
    pub(crate) fn new(what: impl Into<String>, hint: &'static str) -> Self {
        Self { what: what.into(), hint }
    }

    pub(crate) fn damaged() -> Self {
        let hint = "write the file again; it may be cut off";
        Self::new("is no CRL, or a damaged one", hint)
    }

    pub(crate) fn in_file(self, path: &Path) -> FileError {
        FileError::new(path, self.what, self.hint)
    }

    pub(crate) fn version_1() -> Self {
        let hint = "have it issued as version 2, with a CRL number and an authority key identifier (openssl ca: \
                    crl_extensions in its configuration, or -crlexts)";
        Self::new("is a CRL of version 1", hint)
    }

    pub(crate) fn endless() -> Self {
        let hint = "have it issued with a nextUpdate, as RFC 5280 section 5.1.2.5 demands";
        Self::new("does not say when the next one is due", hint)
    }

    pub(crate) fn delta() -> Self {
        Self::new("is a delta CRL, which lists changes only", COMPLETE)
    }

    pub(crate) fn indirect() -> Self {
        let hint = "give the CRL that each CA issues for its own certificates";
        Self::new("is an indirect CRL, which lists certificates of other CAs", hint)
    }

    pub(crate) fn some_reasons() -> Self {
        Self::new("is about some reasons of revocation only", COMPLETE)
    }

    pub(crate) fn attributes() -> Self {
        let hint = "take it out of clients.crl, and give the CRL that the CA issues for its public key certificates: \
                    clients have none of the others (RFC 5755)";
        Self::new("is about attribute certificates only", hint)
    }

    pub(crate) fn relative_name() -> Self {
        Self::new("is about a distribution point without a full name", COMPLETE)
    }

    /// `name` is the extension's, `of` the list or one of its entries.
    pub(crate) fn unknown_critical(of: &str, name: &str) -> Self {
        Self::new(format!("{of} the critical extension {name}, which is not supported"), COMPLETE)
    }

    pub(crate) fn without_extensions() -> Self {
        let hint = "have it issued with these two (openssl ca: crl_extensions in its configuration, or -crlexts)";
        let what = "has no extensions, and so neither a CRL number nor an authority key identifier, which RFC 5280 \
                    section 5.2 demands";
        Self::new(what, hint)
    }

    pub(crate) fn unknown_reason() -> Self {
        let what = "has an entry with a reason for revocation that RFC 5280 section 5.3.1 does not have";
        Self::new(what, "have the CA issue it again")
    }
}

impl From<Malformed> for CrlError {
    fn from(Malformed: Malformed) -> Self {
        Self::damaged()
    }
}
