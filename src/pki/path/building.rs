//! Path building (RFC 4158) for the diagnosis: the path that is closest to a valid one, from the leaf to a configured CA,
//! or to the last known issuer.
//!
//! A client may send unrelated certificates: expired ones, those of other CAs, several with one name. So all paths are
//! followed by names, as webpki does, and the diagnosis is about the best one. Signatures are verified from a
//! configured CA downwards, never with an untrusted key.

use std::cmp::Reverse;

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::bounds::{MAX_INTERMEDIATES, Selection};
use crate::pki::ca::{Ca, issuer_key_id, key_id};
use crate::pki::signature::cache::Budget;
use crate::pki::signature::{Signed, signed_by, signed_by_sent};
use crate::pki::trust_store::TrustStore;
use crate::wording::x509;

/// A path.
#[derive(Clone, Debug, Default)]
pub struct Path<'a> {
    /// Which of the certificates sent are on it, by their place; the leaf first.
    pub sent: Vec<usize>,
    /// The configured CA at its end; without one the path is not valid.
    pub anchor: Option<&'a Ca>,
}

/// The certificates of the client that are used, the leaf first.
pub(crate) struct Sent<'c> {
    /// With their places.
    pub(crate) certificates: Vec<(usize, X509Certificate<'c>)>,
    /// The place of the first that is not X.509, and why.
    pub(crate) unreadable: Option<(usize, &'static str)>,
}

impl<'c> Sent<'c> {
    /// Those of `chain` (leaf first) that `selection` has.
    pub(crate) fn read(chain: &'c [CertificateDer<'_>], selection: &Selection) -> Self {
        let mut sent = Self { certificates: Vec::new(), unreadable: None };
        let is_chosen = |place: usize| {
            place
                .checked_sub(1)
                .is_none_or(|place| selection.has(place) || selection.unreadable == Some(place))
        };
        for (place, der) in chain.iter().enumerate().filter(|(place, _)| is_chosen(*place)) {
            match X509Certificate::from_der(der) {
                Ok((_, x509)) => sent.certificates.push((place, x509)),
                Err(error) if sent.unreadable.is_none() => {
                    sent.unreadable = Some((place, x509(&error)));
                }
                Err(_) => {}
            }
        }
        sent
    }

    /// The client's own certificate, if it can be read.
    pub(crate) fn leaf(&self) -> Option<&X509Certificate<'c>> {
        self.certificates.first().filter(|(place, _)| *place == 0).map(|(_, leaf)| leaf)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&X509Certificate<'c>> {
        self.certificates.get(index).map(|(_, certificate)| certificate)
    }
}

/// Whether key identifiers show that one certificate issued another (RFC 5280 sections 4.2.1.1 and 4.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyIds {
    /// They are the same.
    Fit,
    /// One of them is missing.
    Unsaid,
    /// They differ.
    Differ,
}

impl KeyIds {
    pub(crate) fn of(child: &X509Certificate<'_>, issuer: Option<&[u8]>) -> Self {
        match (issuer_key_id(child), issuer) {
            (Some(wanted), Some(have)) if wanted == have => Self::Fit,
            (Some(_), Some(_)) => Self::Differ,
            _ => Self::Unsaid,
        }
    }
}

/// A path by names.
#[derive(Clone, Debug)]
pub(crate) struct Route<'a> {
    /// Indices of certificates sent; the leaf first.
    pub(crate) sent: Vec<usize>,
    /// The configured CA at its end.
    pub(crate) anchor: Option<&'a Ca>,
    /// The first link from the configured CA downwards that is not valid.
    pub(crate) broken: Option<Broken>,
}

/// A certificate for which it is not known that the issuer's key signed it.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    /// Its position in the route; 0 is the leaf.
    pub(crate) position: usize,
    pub(crate) signed: Signed,
    pub(crate) key_ids: KeyIds,
}

impl Route<'_> {
    /// Whether each certificate on it was signed by the next, and the last by the configured CA.
    pub(crate) fn holds(&self) -> bool {
        self.anchor.is_some() && self.broken.is_none()
    }

    /// The order of paths: the lowest is nearest to a valid one.
    fn distance(&self, sent: &Sent<'_>) -> (u8, KeyIds, KeyIds, usize) {
        let class = match (&self.anchor, &self.broken) {
            (Some(_), None) => return (0, KeyIds::Fit, KeyIds::Fit, 0),
            (Some(_), Some(Broken { signed: Signed::No, .. })) => 2,
            (Some(_), Some(_)) => 1,
            (None, _) => return (3, KeyIds::Unsaid, KeyIds::Unsaid, 0),
        };
        let (key_ids, position) =
            self.broken.as_ref().map_or((KeyIds::Unsaid, 0), |broken| (broken.key_ids, broken.position));
        (class, key_ids, self.of_the_leaf(sent), position)
    }

    /// The key identifiers of the leaf and its issuer on this path.
    fn of_the_leaf(&self, sent: &Sent<'_>) -> KeyIds {
        let Some(leaf) = sent.leaf() else { return KeyIds::Unsaid };
        let issuer_id = match self.sent.get(1) {
            Some(issuer) => sent.get(*issuer).and_then(key_id),
            None => self.anchor.and_then(|ca| ca.key_id.clone()),
        };
        KeyIds::of(leaf, issuer_id.as_deref())
    }
}

/// All paths by names, the nearest first. If a path leads to no configured CA, each part of it counts as one. There is
/// at least the leaf alone.
pub(crate) fn routes<'a>(sent: &Sent<'_>, trust: &'a TrustStore, budget: &Budget) -> Vec<Route<'a>> {
    let mut search = Search { sent, trust, budget, links: Vec::new(), routes: Vec::new() };
    search.climb(&mut vec![0]);
    let mut routes = search.routes;
    // A stable sort: among equals, the one that webpki finds first.
    routes.sort_by_key(|route| route.distance(sent));
    routes
}

/// A possible signer of a certificate: one that was sent, or a configured CA by its place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signer {
    Sent(usize),
    Configured(usize),
}

struct Search<'s, 'c, 'a> {
    sent: &'s Sent<'c>,
    trust: &'a TrustStore,
    budget: &'s Budget<'s>,
    /// The links that were verified.
    links: Vec<(usize, Signer, Signed)>,
    routes: Vec<Route<'a>>,
}

impl Search<'_, '_, '_> {
    /// Continues from the last certificate of `trail`.
    fn climb(&mut self, trail: &mut Vec<usize>) {
        let sent = self.sent;
        let Some(child) = trail.last().and_then(|index| sent.get(*index)) else { return };
        let issuer = child.issuer().as_raw();
        let trust = self.trust;
        for (place, ca) in trust.cas.iter().enumerate().filter(|(_, ca)| ca.subject_der == issuer) {
            let broken = self.broken(trail, place);
            self.routes.push(Route { sent: trail.clone(), anchor: Some(ca), broken });
        }
        self.routes.push(Route { sent: trail.clone(), anchor: None, broken: None });
        if trail.len() > MAX_INTERMEDIATES {
            return;
        }
        for next in 1..sent.certificates.len() {
            if self.may_follow(trail, next) {
                trail.push(next);
                self.climb(trail);
                trail.pop();
            }
        }
    }

    /// Whether `next` has the name of the issuer of the last of `trail`, and does not lead in a circle (RFC 4158
    /// section 5.2).
    fn may_follow(&self, trail: &[usize], next: usize) -> bool {
        let child = trail.last().and_then(|index| self.sent.get(*index));
        let (Some(child), Some(issuer)) = (child, self.sent.get(next)) else { return false };
        let is_same = |index: &usize| {
            self.sent.get(*index).is_some_and(|earlier| {
                earlier.public_key().raw == issuer.public_key().raw
                    && earlier.subject().as_raw() == issuer.subject().as_raw()
            })
        };
        child.issuer().as_raw() == issuer.subject().as_raw() && !trail.iter().any(is_same)
    }

    /// The first link that is not valid, from the configured CA at `place` down `trail`.
    fn broken(&mut self, trail: &[usize], place: usize) -> Option<Broken> {
        let mut signer = Signer::Configured(place);
        for (position, index) in trail.iter().enumerate().rev() {
            let signed = self.link(*index, signer);
            if signed != Signed::Yes {
                let issuer_id = match signer {
                    Signer::Sent(index) => self.sent.get(index).and_then(key_id),
                    Signer::Configured(place) => self.trust.cas[place].key_id.clone(),
                };
                let child = self.sent.get(*index)?;
                let key_ids = KeyIds::of(child, issuer_id.as_deref());
                return Some(Broken { position, signed, key_ids });
            }
            signer = Signer::Sent(*index);
        }
        None
    }

    /// Whether `signer` signed the certificate at `index`.
    fn link(&mut self, index: usize, signer: Signer) -> Signed {
        let known = self.links.iter().find(|(child, by, _)| (*child, *by) == (index, signer));
        if let Some((.., signed)) = known {
            return signed.clone();
        }
        let signed = self.look(index, signer).unwrap_or(Signed::Unknown);
        self.links.push((index, signer, signed.clone()));
        signed
    }

    fn look(&self, index: usize, signer: Signer) -> Option<Signed> {
        let child = self.sent.get(index)?;
        Some(match signer {
            Signer::Sent(issuer) => signed_by_sent(child, self.sent.get(issuer)?, self.budget),
            Signer::Configured(place) => {
                let ca = self.trust.cas.get(place)?;
                let (_, issuer) = X509Certificate::from_der(ca.der()).ok()?;
                signed_by(child, &issuer, self.budget)
            }
        })
    }
}

/// The numbers of links of a path whose key identifiers fit and differ.
pub(crate) fn key_ids_along(route: &Route<'_>, sent: &Sent<'_>) -> (usize, usize) {
    let links = route.sent.windows(2).filter_map(|pair| {
        let [child, issuer] = pair else { return None };
        let issuer_id = key_id(sent.get(*issuer)?);
        Some(KeyIds::of(sent.get(*child)?, issuer_id.as_deref()))
    });
    links.fold((0, 0), |(for_it, against), key_ids| match key_ids {
        KeyIds::Fit => (for_it + 1, against),
        KeyIds::Unsaid => (for_it, against),
        KeyIds::Differ => (for_it, against + 1),
    })
}

/// The path for the diagnosis, of `routes` that are all invalid.
///
/// If the nearest path has a wrong signature and differing key identifiers, another path with fitting key identifiers
/// is preferred, even if it leads to no configured CA: it is the client's real one.
pub(crate) fn nearest_broken<'r, 'a>(routes: &'r [Route<'a>], sent: &Sent<'_>) -> Option<&'r Route<'a>> {
    let dead_ends = || routes.iter().filter(|route| route.anchor.is_none());
    let doubtful = |route: &&Route<'_>| {
        route
            .broken
            .as_ref()
            .is_some_and(|broken| broken.signed == Signed::No && broken.key_ids == KeyIds::Differ)
    };
    let first = routes.first().filter(|route| route.anchor.is_some());
    if let Some(first) = first.filter(|route| !doubtful(route)) {
        return Some(first);
    }
    let score = |route: &&Route<'_>| (key_ids_along(route, sent), Reverse(route.sent.len()));
    let own = |route: &&Route<'_>| {
        let (for_it, against) = key_ids_along(route, sent);
        for_it > 0 && against == 0 && for_it + 1 == route.sent.len()
    };
    let own = dead_ends().filter(own).max_by_key(|route| route.sent.len());
    own.or(first).or_else(|| dead_ends().min_by_key(|route| (score(route).0.1, score(route).1)))
}
