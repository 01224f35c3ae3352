//! The chain as it would be built: from the leaf up to a configured CA, or to where it breaks.
//!
//! By names and signatures only. Whether it holds is the verifier's to say.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::link::{Budget, signed_by, signed_by_sent};
use crate::tls::bounds::{MAX_INTERMEDIATES, Selection};
use crate::tls::trust::{Ca, Trust};

/// A way up.
#[derive(Clone, Debug, Default)]
pub struct Path<'a> {
    /// Which of the certificates sent are on it, by their place; the leaf first.
    pub sent: Vec<usize>,
    /// The configured CA that it ends in; without one it leads nowhere.
    pub anchor: Option<&'a Ca>,
}

/// The way from the leaf of `chain` to a CA of `trust` that is valid at `now` (seconds since 1970);
/// if there is none, the one that comes closest. Looks at as many signatures as `budget` has.
pub fn path<'a>(chain: &[CertificateDer<'_>], trust: &'a Trust, now: i64, budget: &Budget) -> Path<'a> {
    let Some((leaf, intermediates)) = chain.split_first() else { return Path::default() };
    let selection = Selection::of(leaf, intermediates);
    let chosen = |place: &usize| place.checked_sub(1).is_none_or(|place| selection.has(place));
    let parse = |place: usize| Some((place, X509Certificate::from_der(chain.get(place)?).ok()?.1));
    let parsed: Vec<(usize, X509Certificate<'_>)> =
        (0..chain.len()).filter(chosen).filter_map(parse).collect();
    if !matches!(parsed.first(), Some((0, _))) {
        return Path::default();
    }
    let mut search = Search { parsed, trust, now, budget, best: Path::default() };
    search.climb(&mut vec![0]);
    let places = search.best.sent.iter().filter_map(|index| search.parsed.get(*index));
    Path { sent: places.map(|(place, _)| *place).collect(), anchor: search.best.anchor }
}

struct Search<'c, 'a> {
    parsed: Vec<(usize, X509Certificate<'c>)>,
    trust: &'a Trust,
    now: i64,
    budget: &'c Budget,
    /// Indices into `parsed` here.
    best: Path<'a>,
}

impl Search<'_, '_> {
    /// Goes on from the last certificate of `trail`; whether that led to a CA that is valid.
    fn climb(&mut self, trail: &mut Vec<usize>) -> bool {
        let Some((_, child)) = trail.last().and_then(|index| self.parsed.get(*index)) else {
            return false;
        };
        let issuer = child.issuer().as_raw();
        for ca in self.trust.cas.iter().filter(|ca| ca.subject_der == issuer) {
            if signed_by(child, ca.der(), self.budget) == Some(true) {
                let valid = ca.not_after >= self.now;
                if valid || self.best.anchor.is_none() {
                    self.best = Path { sent: trail.clone(), anchor: Some(ca) };
                }
                if valid {
                    return true;
                }
            }
        }
        if self.best.anchor.is_none() && trail.len() > self.best.sent.len() {
            self.best.sent.clone_from(trail);
        }
        if trail.len() > MAX_INTERMEDIATES {
            return false;
        }
        for next in 1..self.parsed.len() {
            if !trail.contains(&next) && self.may_lead(trail, next) {
                trail.push(next);
                if self.climb(trail) {
                    return true;
                }
                trail.pop();
            }
        }
        false
    }

    /// Whether `next` issued the last certificate of `trail`.
    fn may_lead(&self, trail: &[usize], next: usize) -> bool {
        let child = trail.last().and_then(|index| self.parsed.get(*index));
        let (Some((_, child)), Some((_, issuer))) = (child, self.parsed.get(next)) else {
            return false;
        };
        child.issuer().as_raw() == issuer.subject().as_raw()
            && signed_by_sent(child, issuer, self.budget) == Some(true)
    }
}
