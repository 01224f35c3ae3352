//! Why a CRL cannot be used, and what to do about it.

use crate::pki::der::Malformed;
use crate::problem::Problem;

/// The hint for a CRL that covers only a part of the CA's certificates.
const COMPLETE: &str = "give the complete CRL that the CA issues for all of its certificates";

pub(super) fn damaged() -> Problem {
    let hint = "write the file again; it may be incomplete";
    Problem::new("is not a CRL, or is damaged", hint)
}

pub(super) fn version_1() -> Problem {
    let hint = "have it issued as version 2, with a CRL number and an authority key identifier (openssl ca: \
                crl_extensions in its configuration, or -crlexts)";
    Problem::new("is a CRL of version 1", hint)
}

pub(super) fn endless() -> Problem {
    let hint = "have it issued with a nextUpdate, as RFC 5280 section 5.1.2.5 requires";
    Problem::new("has no nextUpdate", hint)
}

pub(super) fn delta() -> Problem {
    Problem::new("is a delta CRL, which lists only changes", COMPLETE)
}

pub(super) fn indirect() -> Problem {
    let hint = "give the CRL that each CA issues for its own certificates";
    Problem::new("is an indirect CRL, which lists certificates of other CAs", hint)
}

pub(super) fn some_reasons() -> Problem {
    Problem::new("covers only some revocation reasons", COMPLETE)
}

pub(super) fn attributes() -> Problem {
    let hint = "take it out of clients.crl, and give the CRL that the CA issues for its public key certificates: \
                clients have none of the others (RFC 5755)";
    Problem::new("covers only attribute certificates", hint)
}

pub(super) fn relative_name() -> Problem {
    Problem::new("covers a distribution point without a full name", COMPLETE)
}

/// `name`: the extension. `of`: the CRL, or one of its entries.
pub(super) fn unknown_critical(of: &str, name: &str) -> Problem {
    Problem::new(format!("{of} the critical extension {name}, which is not supported"), COMPLETE)
}

pub(super) fn without_extensions() -> Problem {
    let hint =
        "have it issued with these two (openssl ca: crl_extensions in its configuration, or -crlexts)";
    let what = "has no extensions, and so neither a CRL number nor an authority key identifier, which RFC 5280 \
                section 5.2 demands";
    Problem::new(what, hint)
}

pub(super) fn unknown_reason() -> Problem {
    let what = "has an entry with a revocation reason that RFC 5280 section 5.3.1 does not define";
    Problem::new(what, "have the CA issue it again")
}

impl From<Malformed> for Problem {
    fn from(Malformed: Malformed) -> Self {
        damaged()
    }
}
