//! Which public keys a certificate may have.

/// The kinds of key that are supported.
pub(crate) const ACCEPTED: &str =
    "use ECDSA (P-256, P-384, P-521), RSA of 2048 to 8192 bits, or Ed25519";

/// Whether a key of this kind (as [`key`](crate::identity::key) calls it) is supported.
pub(crate) fn is_accepted(kind: &str) -> bool {
    match kind.strip_prefix("RSA ").and_then(|bits| bits.parse::<usize>().ok()) {
        Some(bits) => (2048..=8192).contains(&bits),
        None => matches!(kind, "ECDSA P-256" | "ECDSA P-384" | "ECDSA P-521" | "Ed25519"),
    }
}
