//! What certificates say, each read once.
//!
//! What a certificate says depends on its bytes alone, and the same ones come again and again. So a worker remembers
//! what it has read in those whose signatures held; no other may be put in here.

use std::rc::Rc;

use hashbrown::HashTable;
use rustls_pki_types::CertificateDer;

/// Certificates that one worker remembers, of each kind.
pub(crate) const REMEMBERED: usize = 256;
/// Longest that is remembered, in bytes. With what it says a usual one takes 3 KiB, all together less than a MiB.
pub(crate) const LONGEST: usize = 4096;

/// What `T` says of the certificates that were last seen.
#[derive(Debug)]
pub(crate) struct DerCache<T> {
    known: HashTable<(Box<[u8]>, Rc<T>)>,
}

impl<T> DerCache<T> {
    /// What is known of `der`.
    pub(crate) fn find(&self, der: &CertificateDer<'_>) -> Option<Rc<T>> {
        let (_, said) = self.known.find(hash(der), |(known, _)| **known == **der)?;
        Some(Rc::clone(said))
    }

    /// Remembers what `der` says, unless it is too long.
    pub(crate) fn insert(&mut self, der: &CertificateDer<'_>, said: &Rc<T>) {
        if der.len() > LONGEST {
            return;
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let entry = (Box::from(&**der), Rc::clone(said));
        self.known.insert_unique(hash(der), entry, |(der, _)| hash(der));
    }

    /// How many are known.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}

impl<T> Default for DerCache<T> {
    fn default() -> Self {
        Self { known: HashTable::new() }
    }
}

/// A certificate ends in its issuer's signature, which is as good as random but for its last byte (Ed25519), and which
/// nobody but a trusted CA chooses.
fn hash(der: &[u8]) -> u64 {
    let signature = der.split_last().map(|(_, signature)| signature).unwrap_or_default();
    u64::from_le_bytes(signature.last_chunk().copied().unwrap_or_default())
}
