//! What an event of the inbox is known by.

use std::sync::Arc;

use super::snapshot::RoutePrincipal;
use crate::identity::name::is_cut;
use crate::identity::{Peer, San, sha256};
use crate::inbox::EventId;
use crate::policy::Principal;

/// The longest `Idempotency-Key` that OpenClaw accepts, in bytes.
const MAX_KEY: usize = 256;

/// What authenticated a request, without what changes when a certificate or secret is renewed: repetitions of an event are
/// recognised over a renewal.
pub(super) fn principal_name(principal: &RoutePrincipal<'_>) -> Arc<str> {
    match principal {
        Principal::Certificate(grant) | Principal::Both(grant, _) => {
            format!("certificate:{}", client_name(grant.peer())).into()
        }
        Principal::Signature(_, signature) => format!("signature:{}", signature.scheme()).into(),
        Principal::Audited(_) => "unverified".into(),
    }
}

/// The SPIFFE ID, else the subject, else the first alternative name. Of a name that is too long to be kept whole, and of a
/// certificate without names, the fingerprint.
fn client_name(peer: &Peer) -> &str {
    let certificate = &peer.certificate;
    let spiffe = peer.sans.iter().find_map(|name| match name {
        San::Uri(uri) if uri.starts_with("spiffe://") => Some(uri.as_str()),
        _ => None,
    });
    let subject = Some(certificate.subject.as_str()).filter(|subject| !subject.is_empty());
    let name = spiffe.or(subject).or(certificate.san.first().map(String::as_str));
    name.filter(|name| !is_cut(name)).unwrap_or(&certificate.fingerprint_sha256)
}

/// The `Idempotency-Key` for the upstream: `cg-ROUTE-KEY`, or with the event's id where the sender gave none. It is the same
/// for each try to deliver the event, and no two events have the same.
///
/// Several clients with certificates may use one route and the same keys, so a mark of the principal precedes the key. `-` in the
/// route is written `%2D`, so that it is clear where the route ends.
pub(super) fn idempotency_key(route: &str, principal: &str, key: Option<&str>, id: EventId) -> String {
    let route = route.replace('-', "%2D");
    let text = match key {
        Some(key) if principal.starts_with("certificate:") => {
            format!("cg-{route}-{}-{key}", &sha256(principal.as_bytes())[..8])
        }
        Some(key) => format!("cg-{route}-{key}"),
        None => format!("cg-{route}-{id}"),
    };
    if text.len() <= MAX_KEY { text } else { format!("cg-{}", sha256(text.as_bytes())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(route: &str, principal: &str, key: &str) -> String {
        idempotency_key(route, principal, Some(key), EventId::from_bytes([7; 16]))
    }

    #[test]
    fn a_key_names_the_route_and_the_senders_id() {
        assert_eq!(key("/hooks/fathom", "signature:svix", "msg_1"), "cg-/hooks/fathom-msg_1");
    }

    #[test]
    fn the_same_id_on_two_routes_or_of_two_clients_gives_two_keys() {
        let signed = "signature:svix";
        assert_ne!(key("/hooks/a", signed, "b-c"), key("/hooks/a-b", signed, "c"));
        assert_ne!(key("/hooks/a", "certificate:CN=a", "1"), key("/hooks/a", "certificate:CN=b", "1"));
    }

    #[test]
    fn without_an_id_of_the_sender_the_events_id_is_taken() {
        let id = EventId::from_bytes([7; 16]);
        assert_eq!(
            idempotency_key("/hooks/a", "signature:github", None, id),
            format!("cg-/hooks/a-{id}")
        );
    }

    #[test]
    fn a_key_that_openclaw_would_refuse_as_too_long_is_hashed() {
        let long = key("/hooks/a", "signature:svix", &"x".repeat(256));
        assert_eq!((long.len(), &long[..3]), (67, "cg-"));
    }
}
