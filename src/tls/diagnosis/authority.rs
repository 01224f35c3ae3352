//! Faults of CAs: certificates that they were not allowed to issue.

use x509_parser::prelude::X509Certificate;

use crate::identity::time::time_text;
use crate::pki::Ca;
use crate::pki::ca::authority::{Authority, first_overstep};
use crate::pki::ca::constraints::SubjectNames;
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::fault::{Fault, named};

/// The faults of `ca` and the CAs on the path `way` from the leaf to it: `ca` is not valid yet at `now` (seconds since
/// 1970); or one, the first from the top, was not allowed to issue a certificate below it.
pub(crate) fn faults(way: &[&X509Certificate<'_>], ca: &Ca, now: i64) -> Vec<Fault> {
    let Some((leaf, sent)) = way.split_first() else { return Vec::new() };
    let early = (ca.not_before > now).then(|| {
        let detail = format!("the CA {} is not valid before {}", ca.subject, time_text(ca.not_before));
        let hint = "check this machine's clock, or wait";
        Fault::new(Reason::ClientChainExpired, detail, hint).near(&ca.subject)
    });
    let sent: Vec<_> = sent.iter().rev().collect();
    let authorities: Vec<_> = sent.iter().map(|ca| Authority::of(ca)).collect();
    let all = std::iter::once(ca.authority()).chain(&authorities);
    let overstep = first_overstep(all.clone(), || SubjectNames::of_leaf(leaf));
    let constraint = || {
        let mut all = all.enumerate();
        all.find_map(|(place, authority)| {
            let mut below = sent.iter().skip(place).map(|ca| (**ca, false)).chain([(*leaf, true)]);
            let first =
                below.find_map(|(below, is_leaf)| authority.constraint(below, is_leaf, place == 0));
            Some((place, first?))
        })
    };
    let overstep = overstep.or_else(constraint).map(|(place, overstep)| {
        let above = place.checked_sub(1).and_then(|place| sent.get(place));
        let who = match above {
            Some(sent) => format!("the intermediate {}", named(sent)),
            None => format!("the CA {}", ca.subject),
        };
        let detail = format!("{} was issued by way of {who}, which {overstep}", named(leaf));
        Fault::new(Reason::ClientChainInvalid, detail, overstep.hint()).near(&ca.subject)
    });
    early.into_iter().chain(overstep).collect()
}
