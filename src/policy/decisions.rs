//! Decisions of rules about one identity, and the grants that they lead to.
//!
//! A certificate may have hundreds of names, a list hundreds of patterns, and a connection many requests. So each
//! decision about an identity and a resource is made once, and kept until the rules are replaced.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::rules::{Denial, Rules, Ruling};
use crate::identity::Peer;

/// How many decisions are kept for one identity at most.
const REMEMBERED: usize = 64;

/// A resource that only some identities may use.
pub trait Guarded {
    /// The rules that decide which identities.
    fn rules(&self) -> &Rules;
}

/// Proof that an identity may use a resource. Only [`Decisions::authorize`] makes grants, so code that requires a grant
/// cannot be reached without authorization.
#[derive(Debug)]
pub struct Grant<'a, R> {
    peer: &'a Peer,
    resource: &'a R,
    decision: Arc<Decision>,
}

/// The decision of a resource's rules about an identity.
#[derive(Debug)]
pub struct Decision {
    ruling: Ruling,
    /// The refusal in words, made only when it is needed.
    words: OnceLock<String>,
}

/// The decisions about one identity by one generation of rules.
#[derive(Debug, Default)]
pub struct Decisions(Mutex<Decided>);

#[derive(Debug, Default)]
struct Decided {
    generation: u64,
    /// The key is the address of the resource, which does not move within a generation.
    made: HashMap<usize, Arc<Decision>>,
}

impl<'a, R> Grant<'a, R> {
    /// The identity.
    pub fn peer(&self) -> &'a Peer {
        self.peer
    }

    /// The resource that it may use.
    pub fn resource(&self) -> &'a R {
        self.resource
    }

    /// Why the rules would refuse the identity if they were not in audit mode.
    pub fn audited_denial(&self) -> Option<&Denial> {
        match self.decision.ruling() {
            Ruling::Audited(denial) => Some(denial),
            Ruling::Admitted | Ruling::Refused(_) => None,
        }
    }
}

impl Decision {
    fn new(ruling: Ruling) -> Arc<Self> {
        Arc::new(Self { ruling, words: OnceLock::new() })
    }

    /// The result.
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// Why the rules refuse `peer`, the identity of this decision, in words. `set` names the lists: `clients` or
    /// `route`. Empty if they do not refuse it.
    pub fn words(&self, set: &str, peer: &Peer) -> &str {
        self.words.get_or_init(|| match &self.ruling {
            Ruling::Refused(denial) | Ruling::Audited(denial) => Denial::of(denial, set, peer),
            Ruling::Admitted => String::new(),
        })
    }
}

impl Decisions {
    /// Decides about `peer` by the rules of `resource`. The resource must belong to this generation, and `peer` must be
    /// the same in all calls.
    ///
    /// # Errors
    /// The decision, if it is a refusal.
    pub fn authorize<'a, R: Guarded>(
        &self,
        generation: u64,
        peer: &'a Peer,
        resource: &'a R,
    ) -> Result<Grant<'a, R>, Arc<Decision>> {
        let decision = if resource.rules().is_empty() {
            Decision::new(Ruling::Admitted)
        } else {
            self.decide(generation, peer, resource)
        };
        match decision.ruling {
            Ruling::Refused(_) => Err(decision),
            Ruling::Admitted | Ruling::Audited(_) => Ok(Grant { peer, resource, decision }),
        }
    }

    fn decide<R: Guarded>(&self, generation: u64, peer: &Peer, resource: &R) -> Arc<Decision> {
        let mut decided = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if decided.generation != generation {
            *decided = Decided { generation, made: HashMap::new() };
        }
        let place = std::ptr::from_ref(resource).addr();
        if let Some(known) = decided.made.get(&place) {
            return Arc::clone(known);
        }
        let decision = Decision::new(resource.rules().ruling(peer));
        if decided.made.len() >= REMEMBERED {
            decided.made.clear();
        }
        decided.made.insert(place, Arc::clone(&decision));
        decision
    }
}
