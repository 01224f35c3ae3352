//! Bounds on the certificates that a client presents, applied before any of them is verified.
//!
//! A client may send 64 KiB of certificates, and webpki tries every order in which their names lead from one to the
//! next: nine certificates of one name can cost 100 ms. So clawgate uses only intermediates that can be part of a path from
//! the leaf, and only a few of them. It ignores the rest, such as a whole CA bundle. Verification and diagnosis use the
//! same selection.

use std::borrow::Cow;

use rustls_pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::asn1_rs::{Any, FromDer, Tag};
use x509_parser::prelude::X509Certificate;

/// The maximum size of a certificate, in bytes.
const MAX_CERTIFICATE: usize = 16 * 1024;
/// The maximum number of subject alternative names of a leaf.
pub(super) const MAX_NAMES: usize = 512;
/// The maximum number of intermediates, which is also the longest path that webpki builds.
pub(crate) const MAX_INTERMEDIATES: usize = 6;
/// The maximum number of intermediates with one subject. Two, since a CA that is renewed or cross-signed has two
/// certificates.
pub(crate) const MAX_OF_ONE_SUBJECT: usize = 2;
/// The maximum size of all intermediates together, in bytes.
const MAX_BYTES: usize = 32 * 1024;
/// A leaf up to this size, in bytes, has no more names than can be checked at little cost.
const SMALL: usize = 4 * 1024;

/// Why a leaf is too large.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TooLarge {
    /// The certificate, in bytes.
    #[error("it has {0} bytes, and clawgate accepts at most {max}", max = MAX_CERTIFICATE)]
    Bytes(usize),
    /// Its list of subject alternative names.
    #[error("it has {0} subject alternative names, and clawgate accepts at most {max}", max = MAX_NAMES)]
    Names(usize),
}

impl TooLarge {
    /// Checks the size of `leaf` and the number of its names before its chain is verified, because name constraints are
    /// compared with each name.
    pub(crate) fn before_verification(leaf: &CertificateDer<'_>) -> Option<Self> {
        if leaf.len() <= SMALL {
            return None;
        }
        if let Some(excess) = Self::of_size(leaf) {
            return Some(excess);
        }
        let (_, x509) = X509Certificate::from_der(leaf).ok()?;
        let names = x509.subject_alternative_name().ok()??;
        Self::of_names(names.value.general_names.len())
    }

    /// Whether `leaf` has more bytes than are accepted.
    pub(crate) fn of_size(leaf: &CertificateDer<'_>) -> Option<Self> {
        (leaf.len() > MAX_CERTIFICATE).then_some(Self::Bytes(leaf.len()))
    }

    /// Whether a leaf with this many names has too many.
    pub(crate) fn of_names(count: usize) -> Option<Self> {
        (count > MAX_NAMES).then_some(Self::Names(count))
    }
}

/// The intermediates that are used, of those that were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Their places, in the order sent; `None`: all.
    places: Option<Vec<usize>>,
    /// How many others have the name of an issuer on the path and were left out because there are too many.
    pub(crate) left_out: usize,
    /// The position of the first one that is not a certificate.
    pub(crate) unreadable: Option<usize>,
}

impl Selection {
    /// Chooses among `intermediates`: those whose subject is the issuer of `leaf` or of another that is chosen,
    /// nearest to the leaf first; [`MAX_OF_ONE_SUBJECT`], and [`MAX_INTERMEDIATES`] in all.
    pub(crate) fn of(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Self {
        let is_short = |der: &CertificateDer<'_>| der.len() <= MAX_CERTIFICATE;
        // These are few enough to be within the bounds, whatever their names are.
        if intermediates.len() <= MAX_OF_ONE_SUBJECT && intermediates.iter().all(is_short) {
            return Self::default();
        }
        let names: Vec<_> = intermediates.iter().map(|der| Names::read(der)).collect();
        let mut selection =
            Self { unreadable: names.iter().position(Option::is_none), ..Self::default() };
        let mut wanted: Vec<&[u8]> = Names::read(leaf).map(|names| names.issuer).into_iter().collect();
        let mut chosen: Vec<usize> = Vec::with_capacity(MAX_INTERMEDIATES);
        let (mut bytes, mut next) = (0, 0);
        while let Some(&name) = wanted.get(next) {
            next += 1;
            let mut of_this_subject = 0;
            for (place, der) in intermediates.iter().enumerate() {
                let Some(Names { issuer, .. }) =
                    names[place].as_ref().filter(|names| names.subject == name)
                else {
                    continue;
                };
                // Some clients send a certificate twice.
                if chosen.iter().any(|chosen| intermediates[*chosen] == *der) {
                    continue;
                }
                let has_room = of_this_subject < MAX_OF_ONE_SUBJECT && chosen.len() < MAX_INTERMEDIATES;
                if !has_room || !is_short(der) || bytes + der.len() > MAX_BYTES {
                    selection.left_out += 1;
                    continue;
                }
                of_this_subject += 1;
                bytes += der.len();
                chosen.push(place);
                if !wanted.contains(issuer) {
                    wanted.push(issuer);
                }
            }
        }
        chosen.sort_unstable();
        Self { places: Some(chosen), ..selection }
    }

    /// The chosen ones of `intermediates`, of which this was made.
    pub(crate) fn among<'c>(
        &self,
        intermediates: &'c [CertificateDer<'_>],
    ) -> Cow<'c, [CertificateDer<'c>]> {
        match &self.places {
            None => Cow::Borrowed(intermediates),
            Some(places) => {
                let chosen = places.iter().filter_map(|place| intermediates.get(*place));
                Cow::Owned(chosen.map(|der| CertificateDer::from(der.as_ref())).collect())
            }
        }
    }

    /// Whether the intermediate at `place` is one of them.
    pub(super) fn has(&self, place: usize) -> bool {
        self.places.as_ref().is_none_or(|places| places.contains(&place))
    }
}

/// Removes the certificates of a chain (leaf first) that are not used.
pub(crate) fn keep_selected(chain: &mut Vec<CertificateDer<'static>>) {
    let Some((leaf, intermediates)) = chain.split_first() else { return };
    let selection = Selection::of(leaf, intermediates);
    let mut place = 0;
    chain.retain(|_| {
        place += 1;
        place == 1 || selection.has(place - 2)
    });
}

/// The names by which certificates lead from one to the next, as DER without its header, which is what webpki compares.
struct Names<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
}

impl<'a> Names<'a> {
    /// Parses only the needed fields of a certificate (RFC 5280 section 4.1).
    fn read(der: &'a [u8]) -> Option<Self> {
        let (_, certificate) = Any::from_der(der).ok()?;
        let (_, tbs) = Any::from_der(certificate.data).ok()?;
        let mut rest = tbs.data;
        let mut next = || {
            let (after, field) = Any::from_der(rest).ok()?;
            rest = after;
            Some(field)
        };
        // Before the serial number stands the version, unless it is 1.
        if next()?.tag() != Tag::Integer {
            next()?;
        }
        let (_algorithm, issuer) = (next()?, next()?);
        let (_validity, subject) = (next()?, next()?);
        Some(Self { issuer: issuer.data, subject: subject.data })
    }
}

#[cfg(test)]
mod tests;
