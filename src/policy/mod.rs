//! Who may do what, decided from the certificate alone.

mod rules;

pub use rules::{AllowRule, RuleError, Rules};

use crate::identity::Peer;

/// Something that only some identities may use.
pub trait Guarded {
    /// The rules that say who.
    fn allow(&self) -> &Rules;
}

/// Proof that an identity may use a resource. Only [`authorize`] makes one, so what takes a grant
/// cannot be reached without authorization.
#[derive(Debug)]
pub struct Grant<'a, R> {
    peer: &'a Peer,
    resource: &'a R,
}

impl<'a, R> Grant<'a, R> {
    /// Who was authorized.
    pub fn peer(&self) -> &'a Peer {
        self.peer
    }

    /// For what.
    pub fn resource(&self) -> &'a R {
        self.resource
    }
}

/// Asks the rules of `resource` for `peer`; `None` when none of them matches.
pub fn authorize<'a, R: Guarded>(peer: &'a Peer, resource: &'a R) -> Option<Grant<'a, R>> {
    resource.allow().admit(peer).then_some(Grant { peer, resource })
}
