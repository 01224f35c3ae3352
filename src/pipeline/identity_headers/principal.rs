//! `X-Clawgate-Principal`: what authenticated the request, as a dictionary of RFC 9651 section 3.2.
//!
//! `certificate="9f86…"` has the fingerprint (SHA-256) of the client's certificate, whose names are in `X-Clawgate-Client-*`.
//! `signature="github";key="github-2026"` has the scheme of the verified signature, and the name of the file with the secret or
//! key that it fits.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::fields::Fields;
use crate::identity::Peer;
use crate::identity::name::ascii;
use crate::policy::Principal;

const NAME: &str = "x-clawgate-principal";

/// Adds the field for a client whose certificate alone authenticates its requests.
pub(super) fn add(fields: &mut Fields, peer: &Peer) {
    fields.push(NAME, certificate(peer));
}

/// Sets the field for a signed request, in the place of the one that its connection has.
pub(super) fn set<R>(headers: &mut HeaderMap, principal: &Principal<'_, R>) {
    let Some(signature) = principal.signature() else { return };
    let signature =
        format!("signature=\"{}\";key=\"{}\"", signature.scheme(), text(signature.key_file()));
    let value = match principal.peer() {
        Some(peer) => format!("{}, {signature}", certificate(peer)),
        None => signature,
    };
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(HeaderName::from_static(NAME), value);
    }
}

fn certificate(peer: &Peer) -> String {
    format!("certificate=\"{}\"", peer.certificate.fingerprint_sha256)
}

/// The inside of a string (RFC 9651 section 3.3.3). What is not printable ASCII is written as `\\XX`, in the place of the
/// backslash that other fields have.
fn text(name: &str) -> String {
    ascii(name, b"\"").replace('\\', "\\\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_end_its_string() {
        assert_eq!(text("git\"hub"), "git\\\\22hub");
        assert_eq!(text("git\\hub"), "git\\\\5Chub");
        assert_eq!(text("git-hub_2026.key"), "git-hub_2026.key");
    }
}
