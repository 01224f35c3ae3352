//! What authenticated a request: a certificate, a signature, or both.

use super::authenticate::Authenticate;
use super::decisions::{Grant, Guarded};
use crate::identity::Peer;
use crate::signature::VerifiedSignature;

/// A resource that says how its requests are authenticated.
pub trait Protected: Guarded {
    /// What it demands of requests.
    fn authenticate(&self) -> Authenticate;

    /// Whether a request without a valid signature is only logged.
    fn audits_signatures(&self) -> bool;
}

/// Proof that a request may use a resource, and of what authenticated it. Only [`Principal::establish`] and
/// [`Principal::audited`] make one, so a resource for certificates cannot be reached without a certificate.
#[derive(Debug)]
pub enum Principal<'a, R> {
    /// The client's certificate.
    Certificate(Grant<'a, R>),
    /// The signature of the request.
    Signature(&'a R, VerifiedSignature),
    /// Both.
    Both(Grant<'a, R>, VerifiedSignature),
    /// Nothing: the resource only logs requests without a valid signature.
    Audited(&'a R),
}

impl<'a, R: Protected> Principal<'a, R> {
    /// The principal of a request to `resource`; `None` if its demand is not met.
    pub fn establish(
        resource: &'a R,
        grant: Option<Grant<'a, R>>,
        signature: Option<VerifiedSignature>,
    ) -> Option<Self> {
        match (resource.authenticate(), grant, signature) {
            (Authenticate::Certificate | Authenticate::Either, Some(grant), _) => {
                Some(Self::Certificate(grant))
            }
            (Authenticate::Both, Some(grant), Some(signature)) => Some(Self::Both(grant, signature)),
            (Authenticate::Signature | Authenticate::Either, None, Some(signature)) => {
                Some(Self::Signature(resource, signature))
            }
            _ => None,
        }
    }

    /// The principal of a request without a valid signature, where the settings of `resource` only log that. A
    /// certificate is still required where `resource` demands one.
    pub fn audited(resource: &'a R, grant: Option<Grant<'a, R>>) -> Option<Self> {
        match (resource.authenticate(), grant) {
            _ if !resource.audits_signatures() => None,
            (Authenticate::Both, Some(grant)) => Some(Self::Certificate(grant)),
            (Authenticate::Signature | Authenticate::Either, None) => Some(Self::Audited(resource)),
            _ => None,
        }
    }
}

impl<'a, R> Principal<'a, R> {
    /// The resource that it may use.
    pub fn resource(&self) -> &'a R {
        match self {
            Self::Certificate(grant) | Self::Both(grant, _) => grant.resource(),
            Self::Signature(resource, _) | Self::Audited(resource) => resource,
        }
    }

    /// The identity in the client's certificate.
    pub fn peer(&self) -> Option<&'a Peer> {
        match self {
            Self::Certificate(grant) | Self::Both(grant, _) => Some(grant.peer()),
            Self::Signature(..) | Self::Audited(_) => None,
        }
    }

    /// The verified signature.
    pub fn signature(&self) -> Option<&VerifiedSignature> {
        match self {
            Self::Signature(_, signature) | Self::Both(_, signature) => Some(signature),
            Self::Certificate(_) | Self::Audited(_) => None,
        }
    }
}
