//! Signatures on certificates that were verified before.
//!
//! Whether a signature is valid depends only on the key, the signed bytes and the signature, and clients use the same
//! certificates again and again. So each thread keeps the signatures that it found valid. Everything that may change
//! (dates, revocation, trusted CAs, rules) is checked each time, and so is the client's own signature in the handshake,
//! which is a new one each time.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use hashbrown::HashTable;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use thread_local::ThreadLocal;

/// Valid signatures that one thread keeps, 32 bytes each. Only a configured CA, or the holder of a CA certificate that
/// it has signed, can make one.
const MAX_VALID: usize = 4096;
/// Invalid signatures that one thread keeps for the diagnosis. No more can fail in one verification: webpki stops after
/// 100.
const MAX_INVALID: usize = 256;

/// A digest of everything that decides whether a signature is valid.
type Name = [u8; SHA256_OUTPUT_LEN];

/// The signatures that one thread has verified.
#[derive(Default)]
struct Known {
    valid: Names,
    invalid: Names,
}

/// A set of names. A name is a digest already, so its first bytes are its hash.
#[derive(Default)]
struct Names(HashTable<Name>);

type KnownOfThreads = Arc<ThreadLocal<RefCell<Known>>>;

/// The signatures that each thread has verified. There is no lock, because a thread accesses only its own.
pub struct SignatureCache {
    algorithms: Vec<CachedAlgorithm>,
}

/// How many signatures may still be verified to explain a refusal: anybody can send certificates, and each signature
/// costs time. Those in the cache cost nothing.
#[derive(Debug)]
pub struct Budget<'c> {
    left: Cell<usize>,
    cache: &'c SignatureCache,
}

impl<'c> Budget<'c> {
    /// To explain a refused connection. Its verification has put the signatures into the cache already.
    pub const REFUSAL: usize = 8;
    /// To explain a file on the command line.
    pub const COMMAND_LINE: usize = 100;

    /// For this number of signatures beside those in `cache`.
    pub fn new(signatures: usize, cache: &'c SignatureCache) -> Self {
        Self { left: Cell::new(signatures), cache }
    }

    /// For the signatures in the cache only.
    pub(super) fn cached_only(&self) -> Self {
        Self::new(0, self.cache)
    }

    /// The cache.
    pub(crate) fn cache(&self) -> &'c SignatureCache {
        self.cache
    }

    /// Whether one more may be verified, which is counted.
    fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

/// A signature with all that decides whether it is valid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signature<'a> {
    /// The content of the AlgorithmIdentifier of the key.
    pub(super) key_algorithm: &'a [u8],
    pub(super) key: &'a [u8],
    /// The content of the signature's AlgorithmIdentifier.
    pub(super) algorithm: &'a [u8],
    pub(super) message: &'a [u8],
    pub(super) signature: &'a [u8],
}

/// What is known about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Valid,
    Invalid,
    /// No supported algorithm is for this kind of key and of signature.
    Unsupported,
    /// It was not verified before, and the budget is used up.
    Unknown,
}

impl Signature<'_> {
    /// Whether it is valid, as far as that is in the cache or the budget allows to verify it.
    ///
    /// The key must be a trusted one, because a valid signature is put into the cache.
    pub(super) fn verify(&self, budget: &Budget<'_>) -> Validity {
        let fits = |known: &&CachedAlgorithm| {
            *known.algorithm.signature_alg_id() == *self.algorithm
                && *known.algorithm.public_key_alg_id() == *self.key_algorithm
        };
        let Some(algorithm) = budget.cache.algorithms.iter().find(fits) else {
            return Validity::Unsupported;
        };
        let name = algorithm.name(self.key, self.message, self.signature);
        {
            let known = algorithm.known().borrow();
            if known.valid.contains(&name) {
                return Validity::Valid;
            }
            if known.invalid.contains(&name) {
                return Validity::Invalid;
            }
        }
        if !budget.take() {
            return Validity::Unknown;
        }
        match algorithm.verify_signature(self.key, self.message, self.signature) {
            Ok(()) => Validity::Valid,
            Err(InvalidSignature) => Validity::Invalid,
        }
    }
}

impl SignatureCache {
    /// The algorithms that webpki is to verify signatures on certificates with: each asks the cache first.
    pub(crate) fn algorithms(&self) -> Vec<&dyn SignatureVerificationAlgorithm> {
        self.algorithms.iter().map(|algorithm| algorithm as _).collect()
    }
}

impl Default for SignatureCache {
    fn default() -> Self {
        let known = KnownOfThreads::default();
        let all = default_provider().signature_verification_algorithms.all;
        let cached = all
            .iter()
            .map(|algorithm| CachedAlgorithm { algorithm: *algorithm, known: Arc::clone(&known) });
        Self { algorithms: cached.collect() }
    }
}

impl fmt::Debug for SignatureCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureCache").finish_non_exhaustive()
    }
}

/// An algorithm that verifies a valid signature only once.
struct CachedAlgorithm {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    known: KnownOfThreads,
}

impl SignatureVerificationAlgorithm for CachedAlgorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let name = self.name(public_key, message, signature);
        let known = self.known();
        if known.borrow().valid.contains(&name) {
            return Ok(());
        }
        let result = self.algorithm.verify_signature(public_key, message, signature);
        let mut known = known.borrow_mut();
        match result {
            Ok(()) => known.valid.add(name, MAX_VALID),
            Err(InvalidSignature) => known.invalid.add(name, MAX_INVALID),
        }
        result
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }

    fn fips(&self) -> bool {
        self.algorithm.fips()
    }
}

impl CachedAlgorithm {
    /// What this thread has verified.
    fn known(&self) -> &RefCell<Known> {
        self.known.get_or_default()
    }

    /// Each part stands after its length, so that two different signatures never give the same bytes.
    fn name(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Name {
        let (key_kind, kind) = (self.algorithm.public_key_alg_id(), self.algorithm.signature_alg_id());
        let mut context = Context::new(&SHA256);
        for part in [key_kind.as_ref(), kind.as_ref(), public_key, message, signature] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut name = [0; SHA256_OUTPUT_LEN];
        name.copy_from_slice(context.finish().as_ref());
        name
    }
}

impl fmt::Debug for CachedAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.algorithm.fmt(f)
    }
}

impl Names {
    fn contains(&self, name: &Name) -> bool {
        self.0.find(Self::hash(name), |known| known == name).is_some()
    }

    /// Adds a name to a set of at most `max`; a full set is emptied first.
    fn add(&mut self, name: Name, max: usize) {
        if self.contains(&name) {
            return;
        }
        if self.0.len() >= max {
            self.0.clear();
        }
        self.0.insert_unique(Self::hash(&name), name, Self::hash);
    }

    fn hash(name: &Name) -> u64 {
        u64::from_le_bytes(name.first_chunk().copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls_pki_types::alg_id;

    use super::*;

    /// Accepts a signature that repeats the key and the message, and counts the calls.
    #[derive(Debug, Default)]
    struct Repeats(AtomicUsize);

    impl SignatureVerificationAlgorithm for Repeats {
        fn verify_signature(
            &self,
            key: &[u8],
            message: &[u8],
            signature: &[u8],
        ) -> Result<(), InvalidSignature> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if signature == [key, message].concat() { Ok(()) } else { Err(InvalidSignature) }
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_P256
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            alg_id::ECDSA_SHA256
        }
    }

    fn cached() -> (CachedAlgorithm, &'static Repeats) {
        let repeats: &Repeats = Box::leak(Box::default());
        (CachedAlgorithm { algorithm: repeats, known: Arc::default() }, repeats)
    }

    #[test]
    fn a_valid_signature_is_verified_once() {
        let (algorithm, asked) = cached();
        for _ in 0..3 {
            assert!(algorithm.verify_signature(b"key", b"message", b"keymessage").is_ok());
        }
        assert_eq!(asked.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_invalid_signature_is_refused_each_time() {
        let (algorithm, asked) = cached();
        for _ in 0..3 {
            assert!(algorithm.verify_signature(b"key", b"message", b"wrong").is_err());
        }
        assert_eq!(asked.0.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_cached_signature_is_not_used_for_another_key_message_or_signature() {
        let (algorithm, _) = cached();
        assert!(algorithm.verify_signature(b"key", b"message", b"keymessage").is_ok());
        // The same bytes in a row, divided in another way; then one part at a time changed.
        assert!(algorithm.verify_signature(b"keym", b"essage", b"keymessage").is_ok());
        assert!(algorithm.verify_signature(b"key", b"messagek", b"eymessage").is_err());
        assert!(algorithm.verify_signature(b"kez", b"message", b"keymessage").is_err());
        assert!(algorithm.verify_signature(b"key", b"messagf", b"keymessage").is_err());
        assert!(algorithm.verify_signature(b"key", b"message", b"keymessagf").is_err());
    }

    #[test]
    fn a_full_cache_is_emptied() {
        let (algorithm, asked) = cached();
        let sign = |number: usize| {
            let message = number.to_be_bytes();
            algorithm.verify_signature(b"key", &message, &[b"key", &message[..]].concat())
        };
        for number in 0..=MAX_VALID {
            assert!(sign(number).is_ok());
        }
        assert!(algorithm.known().borrow().valid.0.len() <= MAX_VALID);
        // The last one is known.
        let before = asked.0.load(Ordering::Relaxed);
        assert!(sign(MAX_VALID).is_ok());
        assert_eq!(asked.0.load(Ordering::Relaxed), before);
    }
}
