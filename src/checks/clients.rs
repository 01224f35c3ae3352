//! Checks what decides which clients are admitted: client CAs, public CAs among them, CRLs and rules.

use std::collections::BTreeSet;

use x509_parser::prelude::{FromDer, X509Certificate};

use super::crls;
use super::roots::Roots;
use super::strength::{weak_key, weak_signature};
use super::validity::ValidityStatus;
use crate::config::{Reloadable, RouteSettings};
use crate::finding::{Area, Check, Finding, Subject};
use crate::identity::sha256;
use crate::pki::Ca;
use crate::pki::public_cas;
use crate::problem::Problem;

pub(super) fn findings(settings: &Reloadable, roots: &Roots, brought: &[Ca], at: i64) -> Vec<Finding> {
    let subject = Subject::new(Area::Clients, "");
    let trust = &settings.material.trust;
    let mut found = cas(&subject, &trust.cas, at);
    found.extend(public(&subject, settings, roots));
    found.extend(crls::findings(&subject, trust, brought, at));
    if !trust.pinned.is_empty() {
        let count = trust.pinned.len();
        found.push(subject.pass(Check::Pinned, format!("{count} self-signed, admitted without a CA")));
    }
    if settings.material_paths.denylist.is_some() {
        found.push(subject.pass(Check::Denylist, format!("{} denied", trust.denylist.len())));
    }
    found.push(allow(&subject, settings));
    found
}

fn cas(subject: &Subject, cas: &[Ca], at: i64) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let each = cas.iter().map(|ca| {
        if !seen.insert(sha256(ca.der())) {
            let detail = format!("{} is configured twice", ca.subject);
            return subject.warning(Check::Ca, detail, "remove one of them");
        }
        of_ca(subject, ca, at)
    });
    each.collect()
}

fn of_ca(subject: &Subject, ca: &Ca, at: i64) -> Finding {
    let name = &ca.subject;
    let weakness = match X509Certificate::from_der(ca.der()) {
        Ok((_, x509)) => weak_key(&x509).or_else(|| weak_signature(&x509)),
        Err(_) => None,
    };
    if let Some(weakness) = weakness {
        let hint = "make a new CA, have the clients' certificates issued by it, then remove this one";
        return subject.fail(Check::Ca, format!("{name}: {weakness}"), hint);
    }
    let status = ValidityStatus::between(ca.not_before, ca.not_after, at);
    let detail = format!("{name} {}", status.sentence(ca.not_before, ca.not_after, at));
    match (status, ca.overstep()) {
        (ValidityStatus::Expired, _) => {
            let hint = "renew the CA, or remove it from the bundle";
            subject.fail(Check::Ca, format!("{detail}; it admits nobody"), hint)
        }
        (ValidityStatus::NotYetValid, _) => {
            let hint = "correct the clock (timedatectl), or wait";
            subject.fail(Check::Ca, format!("{detail}; it admits nobody until then"), hint)
        }
        (_, Some(Problem { what, hint, .. })) => {
            subject.fail(Check::Ca, format!("{name} {what}; it admits nobody"), hint)
        }
        (ValidityStatus::ExpiresSoon, None) => {
            let hint = "add its successor to clients.ca now, and issue certificates with it";
            subject.warning(Check::Ca, format!("{detail}; then it admits nobody"), hint)
        }
        (ValidityStatus::Valid, None) => subject.pass(Check::Ca, detail),
    }
}

/// Finds public CAs, which issue certificates to anybody, and roots that this system trusts for every purpose, which
/// may do the same.
fn public(subject: &Subject, settings: &Reloadable, roots: &Roots) -> Option<Finding> {
    let cas = &settings.material.trust.cas;
    let known = public_cas(cas);
    let system: BTreeSet<_> = roots.system().into_iter().flatten().map(|ca| &ca.spki_sha256).collect();
    let of_system: Vec<_> = cas.iter().filter(|ca| system.contains(&ca.spki_sha256)).collect();
    let (what, found) = match known.is_empty() {
        false => ("a public CA, which issues certificates to anybody", known),
        true => ("a root that this system trusts for every purpose", of_system),
    };
    let first = found.first()?;
    let more = match found.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let detail = format!("{}{more} is {what}", first.subject);
    if settings.clients_rules.name_clients() || RouteSettings::all_name_clients(&settings.routes) {
        let hint = "configure only the CA of your own clients in clients.ca, unless the rules name every client";
        return Some(subject.warning(
            Check::PublicCa,
            format!("{detail}; only the rules keep other clients out"),
            hint,
        ));
    }
    let detail = format!(
        "{detail}, and no allow rule names the clients: everyone with a certificate of this CA is admitted"
    );
    let hint =
        "configure only the CA of your own clients in clients.ca, or name the clients in clients.allow";
    Some(subject.fail(Check::PublicCa, detail, hint))
}

/// The finding when there is no allow rule. Without a client CA, only pinned clients are admitted.
pub fn without_rules(subject: &Subject, has_ca: bool) -> Finding {
    if !has_ca {
        return subject.note(Check::Allow, "there is no allow rule: every pinned client is admitted");
    }
    let detail = "there is no allow rule: any certificate of the client CAs is admitted";
    let hint = "name the clients in clients.allow, such as cn=meeting-notes, if not all of them should be admitted";
    subject.note(Check::Allow, detail).hint(hint)
}

fn allow(subject: &Subject, settings: &Reloadable) -> Finding {
    let (rules, trust) = (&settings.clients_rules, &settings.material.trust);
    match rules.is_empty() {
        true if trust.cas.is_empty() && trust.pinned.is_empty() => subject
            .note(Check::Allow, "no listener asks for a certificate, and no CA of clients is named"),
        true => without_rules(subject, !trust.cas.is_empty()),
        false => subject.pass(Check::Allow, rules.phrases().join("; ")),
    }
}
