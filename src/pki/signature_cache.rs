//! Signatures on certificates, each verified once.
//!
//! A client comes back with the certificate it had before, and what its CA signed then it has signed
//! for good: that a key made a signature over some bytes depends on nothing else. So a worker remembers
//! the signatures that held. Everything that may change (validity, revocation, which CAs are trusted, the
//! rules) is looked at each time, and so is the client's own signature in the handshake, which is never
//! the same twice.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::LazyLock;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

/// Signatures that one worker remembers, 32 bytes each. Only a configured CA, or who has its signature on a
/// CA certificate, can make one that is remembered.
const REMEMBERED: usize = 4096;
/// Signatures that did not hold, of which a worker remembers so many. More cannot fail in one verification (webpki
/// stops at 100), after which the diagnosis asks about them.
const FAILED: usize = 256;

type Name = [u8; SHA256_OUTPUT_LEN];

thread_local! {
    static GOOD: RefCell<HashSet<Name>> = RefCell::default();
    static BAD: RefCell<HashSet<Name>> = RefCell::default();
}

/// How many signatures may still be verified to explain a refusal: certificates come from anybody, and each costs time.
#[derive(Debug)]
pub struct Budget(Cell<usize>);

impl Budget {
    /// To explain a refused connection. What its verification has verified already is known and costs nothing.
    pub const REFUSAL: usize = 8;
    /// To explain a file at the command line.
    pub const COMMAND_LINE: usize = 100;

    /// For `signatures`.
    pub fn new(signatures: usize) -> Self {
        Self(Cell::new(signatures))
    }

    /// Whether one more may be verified, which is counted.
    fn take(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }
}

/// A signature with all that decides whether it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature<'a> {
    /// The content of the AlgorithmIdentifier of the key.
    pub(crate) key_algorithm: &'a [u8],
    pub(crate) key: &'a [u8],
    /// The content of the signature's AlgorithmIdentifier.
    pub(crate) algorithm: &'a [u8],
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// What is known of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Holds,
    Fails,
    /// No algorithm is supported that is for this kind of key and of signature.
    Unsupported,
    /// It was not verified before, and may not be now.
    Unknown,
}

impl Signature<'_> {
    /// Whether it holds, as far as that is known or `budget` lets it be verified.
    ///
    /// The key must be one that is trusted: what holds is remembered.
    pub(crate) fn holds(&self, budget: &Budget) -> Answer {
        let fits = |known: &&CachedAlgorithm| {
            *known.0.signature_alg_id() == *self.algorithm
                && *known.0.public_key_alg_id() == *self.key_algorithm
        };
        let Some(algorithm) = remembering().iter().find(fits) else { return Answer::Unsupported };
        let name = algorithm.name(self.key, self.message, self.signature);
        if GOOD.with_borrow(|good| good.contains(&name)) {
            return Answer::Holds;
        }
        if BAD.with_borrow(|bad| bad.contains(&name)) {
            return Answer::Fails;
        }
        if !budget.take() {
            return Answer::Unknown;
        }
        match algorithm.verify_signature(self.key, self.message, self.signature) {
            Ok(()) => Answer::Holds,
            Err(InvalidSignature) => Answer::Fails,
        }
    }
}

/// How signatures on certificates are verified.
pub(crate) fn algorithms() -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    static ALL: LazyLock<Vec<&dyn SignatureVerificationAlgorithm>> = LazyLock::new(|| {
        remembering().iter().map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm).collect()
    });
    &ALL
}

fn remembering() -> &'static [CachedAlgorithm] {
    static REMEMBERING: LazyLock<Vec<CachedAlgorithm>> = LazyLock::new(|| {
        let provider = default_provider();
        provider.signature_verification_algorithms.all.iter().copied().map(CachedAlgorithm).collect()
    });
    &REMEMBERING
}

/// An algorithm that is not asked again about a signature that held.
#[derive(Debug)]
struct CachedAlgorithm(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for CachedAlgorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let name = self.name(public_key, message, signature);
        if GOOD.with_borrow(|good| good.contains(&name)) {
            return Ok(());
        }
        if let Err(invalid) = self.0.verify_signature(public_key, message, signature) {
            BAD.with_borrow_mut(|bad| {
                if bad.len() >= FAILED {
                    bad.clear();
                }
                bad.insert(name);
            });
            return Err(invalid);
        }
        GOOD.with_borrow_mut(|good| {
            if good.len() >= REMEMBERED {
                good.clear();
            }
            good.insert(name);
        });
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

impl CachedAlgorithm {
    /// A digest of all that decides whether a signature holds. Each part stands after its length, so that no
    /// two different signatures read the same.
    fn name(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Name {
        let (key_kind, kind) = (self.0.public_key_alg_id(), self.0.signature_alg_id());
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls_pki_types::alg_id;

    use super::*;

    /// Takes a signature that repeats the key and the message, and counts how often it was asked.
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

    fn remembering() -> (CachedAlgorithm, &'static Repeats) {
        let repeats: &Repeats = Box::leak(Box::default());
        (CachedAlgorithm(repeats), repeats)
    }

    #[test]
    fn a_signature_that_held_is_not_verified_again() {
        let (algorithm, asked) = remembering();
        for _ in 0..3 {
            assert!(algorithm.verify_signature(b"key", b"message", b"keymessage").is_ok());
        }
        assert_eq!(asked.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_signature_that_did_not_hold_is_refused_each_time() {
        let (algorithm, asked) = remembering();
        for _ in 0..3 {
            assert!(algorithm.verify_signature(b"key", b"message", b"wrong").is_err());
        }
        assert_eq!(asked.0.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn what_held_for_one_key_message_and_signature_says_nothing_of_others() {
        let (algorithm, _) = remembering();
        assert!(algorithm.verify_signature(b"key", b"message", b"keymessage").is_ok());
        // The same bytes in a row, cut elsewhere; then one thing at a time changed.
        assert!(algorithm.verify_signature(b"keym", b"essage", b"keymessage").is_ok());
        assert!(algorithm.verify_signature(b"key", b"messagek", b"eymessage").is_err());
        assert!(algorithm.verify_signature(b"kez", b"message", b"keymessage").is_err());
        assert!(algorithm.verify_signature(b"key", b"messagf", b"keymessage").is_err());
        assert!(algorithm.verify_signature(b"key", b"message", b"keymessagf").is_err());
    }

    #[test]
    fn no_more_are_remembered_than_have_room() {
        let (algorithm, asked) = remembering();
        let sign = |number: usize| {
            let message = number.to_be_bytes();
            algorithm.verify_signature(b"key", &message, &[b"key", &message[..]].concat())
        };
        for number in 0..=REMEMBERED {
            assert!(sign(number).is_ok());
        }
        assert!(GOOD.with_borrow(|good| good.len()) <= REMEMBERED);
        // The last one is among them.
        let before = asked.0.load(Ordering::Relaxed);
        assert!(sign(REMEMBERED).is_ok());
        assert_eq!(asked.0.load(Ordering::Relaxed), before);
    }
}
