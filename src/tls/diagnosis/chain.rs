//! All faults of a refused chain: those of the path that comes nearest to a valid one, and of the leaf.
//!
//! Other certificates that the client sent are ignored.

use std::cell::OnceCell;

use rustls::Error;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::X509Certificate;

use super::issuer::Case;
use super::{authority, leaf, revoked, verdict};
use crate::identity::rfc3339;
use crate::identity::time::ago;
use crate::pki::path::bounds::{MAX_INTERMEDIATES, MAX_OF_ONE_SUBJECT, Selection};
use crate::pki::path::building::{Route, Sent, nearest_broken, routes};
use crate::pki::path::unsupported::Unsupported;
use crate::pki::{Budget, Path};
use crate::pki::{Ca, TrustStore};
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::fault::{Fault, named, sorted};

/// All faults of `chain` (leaf first), which was refused at `now` (seconds since 1970) with `error`, in the order of repair.
/// `budget` limits the signatures that are verified.
///
/// There is always one: if nothing is found here, it comes from `error`.
pub fn chain_faults(
    chain: &[CertificateDer<'_>],
    error: &Error,
    trust: &TrustStore,
    now: i64,
    budget: &Budget<'_>,
) -> Vec<Fault> {
    let Some((leaf, intermediates)) = chain.split_first() else {
        return vec![verdict::of_chain_error(error, chain)];
    };
    let selection = Selection::of(leaf, intermediates);
    let sent = Sent::read(chain, &selection);
    let faults = match sent.leaf() {
        None => unreadable(&sent).into_iter().collect(),
        Some(leaf) => match trailing(leaf, chain) {
            Some(fault) => vec![fault],
            None if trust.pins(leaf) => of_pinned(leaf, trust, now),
            None => of_chain(
                &Context { chain, sent: &sent, selection: &selection, trust, now, budget },
                leaf,
            ),
        },
    };
    if faults.is_empty() { vec![verdict::of_chain_error(error, chain)] } else { sorted(faults) }
}

/// The path from the leaf of `chain` to a CA of `trust` at `now` (seconds since 1970); if there is none, the one that comes
/// nearest. `budget` limits the signatures that are verified.
pub fn path<'a>(
    chain: &[CertificateDer<'_>],
    trust: &'a TrustStore,
    now: i64,
    budget: &Budget<'_>,
) -> Path<'a> {
    let Some((leaf, intermediates)) = chain.split_first() else { return Path::default() };
    let selection = Selection::of(leaf, intermediates);
    let sent = Sent::read(chain, &selection);
    if sent.leaf().is_none() {
        return Path::default();
    }
    let context = Context { chain, sent: &sent, selection: &selection, trust, now, budget };
    let routes = routes(&sent, trust, budget);
    let holding = routes.iter().take_while(|route| route.holds());
    let best = holding.min_by_key(|route| of_route(&context, route).len());
    let Some(nearest) = best.or_else(|| nearest_broken(&routes, &sent)) else { return Path::default() };
    let places = nearest.sent.iter().filter_map(|index| sent.certificates.get(*index));
    Path {
        sent: places.map(|(place, _)| *place).collect(),
        anchor: nearest.anchor.filter(|_| nearest.holds()),
    }
}

/// What the functions below need.
struct Context<'c> {
    chain: &'c [CertificateDer<'c>],
    sent: &'c Sent<'c>,
    selection: &'c Selection,
    trust: &'c TrustStore,
    now: i64,
    budget: &'c Budget<'c>,
}

fn of_chain(context: &Context<'_>, leaf: &X509Certificate<'_>) -> Vec<Fault> {
    let mut faults = of_leaf(leaf, context.now);
    faults.extend(leaf::is_ca(leaf));
    let routes = routes(context.sent, context.trust, context.budget);
    let above = routes.iter().take_while(|route| route.holds()).map(|route| of_route(context, route));
    if let Some(above) = above.min_by_key(Vec::len) {
        faults.extend(above);
        return faults;
    }
    // A certificate that cannot be read or was left out may be the missing one.
    if let Some(fault) = unreadable(context.sent) {
        faults.push(fault);
    } else if context.selection.left_out > 0 {
        faults.push(too_many_intermediates(leaf, context.selection));
    } else {
        let Context { chain, sent, trust, budget, .. } = *context;
        let subjects = OnceCell::new();
        faults.extend(Case { chain, sent, trust, budget, subjects }.fault(&routes));
    }
    faults
}

/// Faults of the leaf that do not depend on its issuer.
fn of_leaf(leaf: &X509Certificate<'_>, now: i64) -> Vec<Fault> {
    let weak = leaf::weak_signature(leaf, true);
    let faults = [
        leaf::names(leaf),
        leaf::unsupported(leaf),
        weak,
        leaf::weak_key_of(leaf),
        leaf::dates(leaf, now),
        leaf::purpose(leaf),
    ];
    faults.into_iter().flatten().collect()
}

/// A pinned certificate needs no issuer, and may be a CA certificate.
fn of_pinned(leaf: &X509Certificate<'_>, trust: &TrustStore, now: i64) -> Vec<Fault> {
    let mut faults = of_leaf(leaf, now);
    // Its own signature does not matter.
    faults.retain(|fault| fault.reason != Reason::ClientCertWeakSignature);
    faults.extend(revoked::denied(leaf, trust));
    faults
}

/// Faults of the CAs on a path with valid signatures, and revocations.
fn of_route(context: &Context<'_>, route: &Route<'_>) -> Vec<Fault> {
    let Some(ca) = route.anchor else { return Vec::new() };
    let way: Vec<_> = route.sent.iter().filter_map(|index| context.sent.get(*index)).collect();
    let mut faults: Vec<_> =
        way.iter().skip(1).flat_map(|above| of_intermediate(above, ca, context.now)).collect();
    if ca.not_after < context.now {
        faults.push(ca_expired(ca, context.now));
    }
    faults.extend(authority::faults(&way, ca, context.now));
    faults.extend(revoked::faults(&way, ca, context.trust, context.budget.cache(), context.now));
    faults
}

fn of_intermediate(above: &X509Certificate<'_>, ca: &Ca, now: i64) -> Vec<Fault> {
    let unsupported = Unsupported::of(above).map(|Unsupported { what, hint, .. }| {
        let detail = format!("the intermediate {} {what}", named(above));
        Fault::new(Reason::ClientChainInvalid, detail, hint).near(&ca.subject)
    });
    unsupported.into_iter().chain(intermediate_dates(above, now)).collect()
}

/// A certificate that is not X.509.
fn unreadable(sent: &Sent<'_>) -> Option<Fault> {
    let (place, why) = sent.unreadable.as_ref()?;
    let detail = format!("certificate {} of those sent is not X.509: {why}", place + 1);
    let hint = "send the certificate file as the CA issued it; this one is damaged";
    Some(Fault::new(Reason::ClientCertMalformed, detail, hint))
}

/// Bytes after the leaf that are not part of it.
fn trailing(leaf: &X509Certificate<'_>, chain: &[CertificateDer<'_>]) -> Option<Fault> {
    let rest = chain.first()?.len().checked_sub(leaf.as_raw().len()).filter(|rest| *rest > 0)?;
    let detail = format!("the client's certificate is followed by {rest} bytes that are not part of it");
    let hint = "send the certificate file as the CA issued it";
    Some(Fault::new(Reason::ClientCertMalformed, detail, hint))
}

/// More of the certificates could be on the path than clawgate checks.
fn too_many_intermediates(leaf: &X509Certificate<'_>, selection: &Selection) -> Fault {
    let detail = format!(
        "{} came with a chain that is too deep or too tangled: clawgate checks {MAX_INTERMEDIATES} intermediates, and \
         {MAX_OF_ONE_SUBJECT} of one subject; {} more were left out, and the others do not lead to a configured CA",
        named(leaf),
        selection.left_out,
    );
    Fault::new(Reason::ClientChainInvalid, detail, "send the leaf and its own intermediates only")
}

fn ca_expired(ca: &Ca, now: i64) -> Fault {
    let detail = format!(
        "the CA {} expired {}, at {}",
        ca.subject,
        ago(now.saturating_sub(ca.not_after)),
        ca.not_after_text
    );
    let hint = "renew the CA and put its new certificate into clients.ca";
    Fault::new(Reason::ClientChainExpired, detail, hint).near(&ca.subject)
}

fn intermediate_dates(x509: &X509Certificate<'_>, now: i64) -> Option<Fault> {
    let validity = x509.validity();
    let (from, until) = (validity.not_before, validity.not_after);
    let detail = if until.timestamp() < now {
        format!(
            "the intermediate {} expired {}, at {}",
            named(x509),
            ago(now.saturating_sub(until.timestamp())),
            rfc3339(until)
        )
    } else if from.timestamp() > now {
        format!("the intermediate {} is not valid before {}", named(x509), rfc3339(from))
    } else {
        return None;
    };
    let hint =
        "have the CA renew the intermediate, and put the new one into the client's certificate file";
    Some(Fault::new(Reason::ClientChainExpired, detail, hint))
}
