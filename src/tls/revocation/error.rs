//! Why something is no revocation list that can be used, in words that say how to mend it.

use std::path::Path;

use thiserror::Error;

use crate::tls::der::Malformed;
use crate::tls::pem::FileError;

/// The hint where a list is about a part of what it is wanted for.
const COMPLETE: &str = "give the complete CRL that the CA issues for all of its certificates";

/// Why something is no list that can be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{what}")]
pub struct CrlError {
    what: String,
    mend: &'static str,
}

impl CrlError {
    pub(super) fn new(what: impl Into<String>, mend: &'static str) -> Self {
        Self { what: what.into(), mend }
    }

    pub(super) fn damaged() -> Self {
        let mend = "write the file again; it may be cut off";
        Self::new("is no CRL, or a damaged one", mend)
    }

    pub(super) fn in_file(self, path: &Path) -> FileError {
        FileError::new(path, self.what, self.mend)
    }

    pub(super) fn version_1() -> Self {
        let mend = "have it issued as version 2, with a CRL number and an authority key identifier (openssl ca: \
                    crl_extensions in its configuration, or -crlexts)";
        Self::new("is a CRL of version 1", mend)
    }

    pub(super) fn endless() -> Self {
        let mend = "have it issued with a nextUpdate, as RFC 5280 section 5.1.2.5 demands";
        Self::new("does not say when the next one is due", mend)
    }

    pub(super) fn delta() -> Self {
        Self::new("is a delta CRL, which lists changes only", COMPLETE)
    }

    pub(super) fn indirect() -> Self {
        let mend = "give the CRL that each CA issues for its own certificates";
        Self::new("is an indirect CRL, which lists certificates of other CAs", mend)
    }

    pub(super) fn some_reasons() -> Self {
        Self::new("is about some reasons of revocation only", COMPLETE)
    }

    pub(super) fn attributes() -> Self {
        let hint = "take it out of clients.crl, and give the CRL that the CA issues for its public key certificates: \
                    clients have none of the others (RFC 5755)";
        Self::new("is about attribute certificates only", hint)
    }

    pub(super) fn relative_name() -> Self {
        Self::new("is about a distribution point without a full name", COMPLETE)
    }

    /// `name` is the extension's, `of` the list or one of its entries.
    pub(super) fn unknown_critical(of: &str, name: &str) -> Self {
        Self::new(format!("{of} the critical extension {name}, which is not supported"), COMPLETE)
    }

    pub(super) fn without_extensions() -> Self {
        let hint = "have it issued with these two (openssl ca: crl_extensions in its configuration, or -crlexts)";
        let what = "has no extensions, and so neither a CRL number nor an authority key identifier, which RFC 5280 \
                    section 5.2 demands";
        Self::new(what, hint)
    }

    pub(super) fn unknown_reason() -> Self {
        let what = "has an entry with a reason for revocation that RFC 5280 section 5.3.1 does not have";
        Self::new(what, "have the CA issue it again")
    }
}

impl From<Malformed> for CrlError {
    fn from(Malformed: Malformed) -> Self {
        Self::damaged()
    }
}
