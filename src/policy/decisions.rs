//! What rules say of one identity, decided once.
//!
//! A certificate may have hundreds of names and a list hundreds of patterns, and a connection many requests: what the rules
//! of a resource say of it is the same until they are replaced.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::rules::{Denial, Ruling};
use super::{Grant, Guarded};
use crate::identity::Peer;

/// Decisions that are remembered at a time.
const REMEMBERED: usize = 64;

/// What the rules of a resource say of an identity.
#[derive(Debug)]
pub struct Decision {
    ruling: Ruling,
    /// A refusal in words.
    words: OnceLock<String>,
}

/// The decisions on one identity, as long as one generation of rules holds.
#[derive(Debug, Default)]
pub struct Decisions(Mutex<Decided>);

#[derive(Debug, Default)]
struct Decided {
    generation: u64,
    /// By the address of the resource, which stays where it is within a generation.
    made: HashMap<usize, Arc<Decision>>,
}

impl Decision {
    fn new(ruling: Ruling) -> Arc<Self> {
        Arc::new(Self { ruling, words: OnceLock::new() })
    }

    /// What the rules say.
    pub fn ruling(&self) -> &Ruling {
        &self.ruling
    }

    /// Why they refuse `peer`, whom this is about, in words; `set` is what the lists are called after. Empty when they
    /// do not.
    pub fn words(&self, set: &str, peer: &Peer) -> &str {
        self.words.get_or_init(|| match &self.ruling {
            Ruling::Refused(denial) | Ruling::Audited(denial) => Denial::of(denial, set, peer),
            Ruling::Admitted => String::new(),
        })
    }
}

impl Decisions {
    /// Asks the rules of `resource`, which is of this generation, for `peer`, who is always the same.
    ///
    /// # Errors
    /// What they refuse it for.
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
