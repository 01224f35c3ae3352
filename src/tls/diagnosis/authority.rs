//! What the CAs of a chain may not have issued.

use x509_parser::prelude::X509Certificate;

use super::chain::{Fault, named};
use super::leaf::gate_time;
use super::path::Path;
use crate::observe::HandshakeReason as Reason;
use crate::tls::authority::{Authority, first_overstep};
use crate::tls::constraints::SubjectNames;

/// The first CA on the way up, from the configured one down, that may not have issued what it has; or the configured
/// one, if it is not valid yet at `now` (seconds since 1970).
pub(super) fn faults(parsed: &[X509Certificate<'_>], path: &Path<'_>, now: i64) -> Vec<Fault> {
    let (Some(ca), Some((leaf, sent))) = (path.anchor, path.sent.split_first()) else {
        return Vec::new();
    };
    let early = (ca.not_before > now).then(|| {
        let detail = format!("the CA {} is not valid before {}", ca.subject, gate_time(ca.not_before));
        let hint = "check this machine's clock, or wait";
        let fault = Fault::new(Reason::ClientChainExpired, detail, hint);
        Fault { nearest_ca: Some(ca.subject.clone()), ..fault }
    });
    let sent: Vec<_> = sent.iter().rev().filter_map(|place| parsed.get(*place)).collect();
    let authorities: Vec<_> = sent.iter().map(|ca| Authority::of(ca)).collect();
    let all = std::iter::once(ca.authority()).chain(&authorities);
    let names = || parsed.get(*leaf).map_or_else(SubjectNames::unreadable, SubjectNames::of_leaf);
    let overstep = first_overstep(all, names).map(|(place, overstep)| {
        let above = place.checked_sub(1).and_then(|place| sent.get(place));
        let who = match above {
            Some(sent) => format!("the intermediate {}", named(sent)),
            None => format!("the CA {}", ca.subject),
        };
        let leaf = parsed.get(*leaf).map(named).unwrap_or_default();
        let detail = format!("{leaf} was issued by way of {who}, which {overstep}");
        let fault = Fault::new(Reason::ClientChainInvalid, detail, overstep.hint());
        Fault { nearest_ca: Some(ca.subject.clone()), ..fault }
    });
    early.into_iter().chain(overstep).collect()
}
