//! Why something is no revocation list that can be used, in words that say how to mend it.

use std::path::Path;

use thiserror::Error;

use crate::tls::pem::FileError;

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

    pub(super) fn of(error: webpki::Error) -> Self {
        use webpki::Error;
        let complete = "give the complete CRL that the CA issues for all of its certificates";
        match error {
            Error::UnsupportedDeltaCrl => {
                Self::new("is a delta CRL, which lists changes only", complete)
            }
            Error::UnsupportedIndirectCrl => {
                let mend = "give the CRL that each CA issues for its own certificates";
                Self::new("is an indirect CRL, which lists certificates of other CAs", mend)
            }
            Error::UnsupportedRevocationReasonsPartitioning => {
                Self::new("is about some reasons of revocation only", complete)
            }
            Error::UnsupportedCrlIssuingDistributionPoint => {
                Self::new("is about a distribution point without a full name", complete)
            }
            Error::UnsupportedCrlVersion => {
                let mend = "have it issued as version 2, with a CRL number and an authority key identifier \
                            (openssl ca: crl_extensions in its configuration, or -crlexts)";
                Self::new("is a CRL of version 1", mend)
            }
            Error::UnsupportedCriticalExtension => {
                Self::new("has a critical extension that the gate does not know", complete)
            }
            Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => Self::damaged(),
            other => Self::new(format!("is no usable CRL: {other}"), "have the CA issue it again"),
        }
    }
}
