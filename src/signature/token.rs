//! A secret that is sent with each request.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};

use super::hmac::is_equal;

/// The first of the secrets that is among the tokens presented.
///
/// An empty secret is none. All are compared, by their SHA-256, so that the time says neither which one fits nor how long it is.
pub fn matching<'k>(
    presented: &[Cow<'_, [u8]>],
    secrets: impl Iterator<Item = &'k [u8]>,
) -> Option<usize> {
    let presented: Vec<_> = presented.iter().map(|token| digest(&SHA256, token)).collect();
    let mut found = None;
    for (index, secret) in secrets.enumerate().filter(|(_, secret)| !secret.is_empty()) {
        let secret = digest(&SHA256, secret);
        for token in &presented {
            if is_equal(token.as_ref(), secret.as_ref()) {
                found = found.or(Some(index));
            }
        }
    }
    found
}
