//! Certificates that were parsed before.
//!
//! The content of a certificate depends only on its bytes, and clients send the same certificates again and again. So
//! each thread keeps the parsed content. Only certificates with a valid signature are cached.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use hashbrown::HashTable;
use rustls_pki_types::CertificateDer;
use thread_local::ThreadLocal;

/// Certificates that one thread keeps in one cache.
const MAX_CERTIFICATES: usize = 256;
/// Longest certificate that is kept, in bytes. A usual one takes 3 KiB with its content, a full cache less than 1 MiB.
const MAX_LENGTH: usize = 4096;

/// The parsed certificates of each thread. There is no lock, because a thread accesses only its own.
pub(crate) struct DerCache<T: Send + Sync> {
    parse: fn(&CertificateDer<'_>) -> Option<T>,
    threads: ThreadLocal<RefCell<Parsed<T>>>,
}

/// Certificates in DER, and their content.
type Parsed<T> = HashTable<(Box<[u8]>, Arc<T>)>;

impl<T: Send + Sync> DerCache<T> {
    /// A cache of the results of `parse`.
    pub(super) fn new(parse: fn(&CertificateDer<'_>) -> Option<T>) -> Self {
        Self { parse, threads: ThreadLocal::new() }
    }

    /// The content of `der`, whose signature was valid; `None` when it cannot be parsed.
    pub(crate) fn get_or_parse(&self, der: &CertificateDer<'_>) -> Option<Arc<T>> {
        let parsed = self.threads.get_or_default();
        if let Some((_, content)) = parsed.borrow().find(hash(der), |(known, _)| **known == **der) {
            return Some(Arc::clone(content));
        }
        let content = Arc::new((self.parse)(der)?);
        if der.len() <= MAX_LENGTH {
            let mut parsed = parsed.borrow_mut();
            if parsed.len() >= MAX_CERTIFICATES {
                parsed.clear();
            }
            let entry = (Box::from(&**der), Arc::clone(&content));
            parsed.insert_unique(hash(der), entry, |(der, _)| hash(der));
        }
        Some(content)
    }
}

impl<T: Send + Sync> fmt::Debug for DerCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DerCache").finish_non_exhaustive()
    }
}

/// The end of a certificate is its issuer's signature. That is as good as random, except for its last byte (Ed25519),
/// and only a trusted CA can choose it.
fn hash(der: &[u8]) -> u64 {
    let signature = der.split_last().map(|(_, signature)| signature).unwrap_or_default();
    u64::from_le_bytes(signature.last_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> DerCache<Vec<u8>> {
        DerCache::new(|der| (!der.is_empty()).then(|| der.to_vec()))
    }

    fn size(cache: &DerCache<Vec<u8>>) -> usize {
        cache.threads.get_or_default().borrow().len()
    }

    #[test]
    fn a_certificate_that_comes_again_is_not_parsed_again() {
        let (cache, der) = (cache(), CertificateDer::from(vec![1; 100]));

        let first = cache.get_or_parse(&der).unwrap();
        let again = cache.get_or_parse(&der.clone()).unwrap();

        assert!(Arc::ptr_eq(&first, &again));
    }

    #[test]
    fn another_certificate_has_another_content() {
        let (cache, ders) = (cache(), [vec![1; 100], vec![2; 100]]);
        for der in ders {
            assert_eq!(*cache.get_or_parse(&CertificateDer::from(der.clone())).unwrap(), der);
        }
    }

    #[test]
    fn a_full_cache_is_emptied() {
        let cache = cache();
        for number in 0..=MAX_CERTIFICATES {
            let der = CertificateDer::from([&[0; 100][..], &number.to_be_bytes()].concat());
            assert!(cache.get_or_parse(&der).is_some());
            assert!(size(&cache) <= MAX_CERTIFICATES);
        }
        assert_eq!(size(&cache), 1);
    }

    #[test]
    fn neither_a_long_certificate_nor_one_that_cannot_be_parsed_is_kept() {
        let cache = cache();
        assert!(cache.get_or_parse(&CertificateDer::from(vec![0; MAX_LENGTH + 1])).is_some());
        assert!(cache.get_or_parse(&CertificateDer::from(Vec::new())).is_none());
        assert_eq!(size(&cache), 0);
    }
}
