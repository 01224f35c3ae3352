//! HMAC (RFC 2104) over pieces, which are not copied.

use std::borrow::Cow;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{Context, Key, Tag};

use super::algorithm::Algorithm;

/// A secret, ready to be used with one algorithm.
#[derive(Clone, Debug)]
pub(super) struct HmacKey {
    pub(super) algorithm: Algorithm,
    key: Key,
}

impl HmacKey {
    /// `None` if the algorithm is no HMAC.
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        Some(Self { algorithm, key: Key::new(algorithm.hmac()?, secret) })
    }

    /// The HMAC of the pieces, one after the other.
    pub(super) fn mac(&self, pieces: &[Cow<'_, [u8]>]) -> Tag {
        let mut context = Context::with_key(&self.key);
        pieces.iter().for_each(|piece| context.update(piece));
        context.sign()
    }
}

/// Compares in a time that depends on the lengths only.
pub(super) fn is_equal(mac: &[u8], signature: &[u8]) -> bool {
    verify_slices_are_equal(mac, signature).is_ok()
}
