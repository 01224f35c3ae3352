//! The names of CAs in the request for a client's certificate (RFC 8446 section 4.2.4, RFC 5246 section 7.4.4).

use std::collections::HashSet;

use rustls::DistinguishedName;

use super::Ca;

/// Octets of names that are sent at most. The message has room for 64 KiB, and a Java client takes no message of more
/// than 32 KiB (`jdk.tls.maxHandshakeMessageSize`); the rest is for what stands in it besides.
pub(super) const ROOM: usize = 31 * 1024;

/// The names of those of `cas` that are valid at `now` (seconds since 1970), each once.
///
/// # Errors
/// The octets that they need, where that is more than there is room for: then none is sent, which asks for a
/// certificate of any CA.
pub(crate) fn names<'a>(
    cas: impl IntoIterator<Item = &'a Ca>,
    now: i64,
) -> Result<Vec<DistinguishedName>, usize> {
    let valid = cas.into_iter().filter(|ca| ca.not_after >= now);
    let mut seen = HashSet::new();
    let names: Vec<_> = valid
        .filter(|ca| seen.insert(ca.subject_der.as_slice()))
        .map(|ca| DistinguishedName::in_sequence(ca.anchor().subject.as_ref()))
        .collect();
    // Each has its length in two octets before it.
    let octets = names.iter().map(|name| 2 + name.as_ref().len()).sum();
    if octets > ROOM { Err(octets) } else { Ok(names) }
}
