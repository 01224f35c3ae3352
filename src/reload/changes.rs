//! What a reload has changed, and what it could not change.

use crate::config::{RouteSettings, Settings};
use crate::identity::{Certificate, unix_rfc3339};
use crate::pki::material::{Material, Own};
use crate::pki::revocation::Crl;
use crate::upstream::Forwarding;

/// What a reload has changed, in words.
pub(crate) fn changes(old: &Settings, new: &Settings) -> Vec<String> {
    let mut changes = Vec::new();
    let (before, after) = (&old.material, &new.material);
    let has = |material: &Material, certificate: &Certificate| {
        material.own.iter().any(|own| own.certificate == *certificate)
    };
    for Own { certificate, .. } in &after.own {
        if !has(before, certificate) {
            changes.push(format!("certificate {} until {}", certificate.serial, certificate.not_after));
        }
    }
    for Own { certificate, .. } in &before.own {
        if !has(after, certificate) {
            changes.push(format!("certificate {} taken out", certificate.serial));
        }
    }
    let staples = |material: &Material| -> Vec<_> {
        let until = |own: &Own| own.staple.as_ref().map(|staple| staple.until_text.clone());
        material.own.iter().map(until).collect()
    };
    if staples(before) != staples(after) {
        changes.push("OCSP".to_owned());
    }
    for ca in &after.trust.cas {
        if before.trust.cas.iter().all(|old| old.spki_sha256 != ca.spki_sha256) {
            changes.push(format!("client CA {} added", ca.subject));
        }
    }
    for ca in &before.trust.cas {
        if after.trust.cas.iter().all(|new| new.spki_sha256 != ca.spki_sha256) {
            changes.push(format!("client CA {} removed", ca.subject));
        }
    }
    changes.extend(crl_changes(&before.trust.crls, &after.trust.crls));
    if old.proxy.sources != new.proxy.sources {
        changes.push("listen.proxy_sources".to_owned());
    }
    if old.tls != new.tls {
        changes.push("tls".to_owned());
    }
    if before.trust.denylist != after.trust.denylist {
        changes.push(format!("denylist: {} denied now", after.trust.denylist.len()));
    }
    if before.trust.pinned != after.trust.pinned {
        changes.push(format!("clients.pinned: {} now", after.trust.pinned.len()));
    }
    let (before, after) = (&old.clients_rules, &new.clients_rules);
    let differ = [
        ("clients.allow", before.allow() != after.allow()),
        ("clients.deny", before.deny() != after.deny()),
        ("clients.audit", before.is_audited() != after.is_audited()),
        ("clients.pins", before.pins() != after.pins()),
    ];
    changes.extend(differ.into_iter().filter(|(_, differ)| *differ).map(|(name, _)| name.to_owned()));
    if old.revoke != new.revoke {
        changes.push("clients.revoke".to_owned());
    }
    let same = |(old, new): (&RouteSettings, &RouteSettings)| {
        old.rules == new.rules && route_text(old) == route_text(new)
    };
    if old.routes.len() != new.routes.len() || !old.routes.iter().zip(&new.routes).all(same) {
        changes.push("routes".to_owned());
    }
    let secure = |settings: &Settings| {
        settings.routes.iter().map(|route| route.upstream.secure.clone()).collect::<Vec<_>>()
    };
    if secure(old) != secure(new) {
        changes.push("TLS to the upstream".to_owned());
    }
    let tokens = |settings: &Settings| {
        settings.routes.iter().map(|route| route.upstream.token.clone()).collect::<Vec<_>>()
    };
    if tokens(old) != tokens(new) {
        changes.push("hook token".to_owned());
    }
    changes
}

fn route_text(route: &RouteSettings) -> String {
    let RouteSettings { path, methods, max_body, upstream, .. } = route;
    let Forwarding { identity, forwarded, proxy_protocol } = upstream.telling;
    format!("{path} {methods} {max_body} {} {identity} {forwarded} {proxy_protocol}", upstream.target)
}

/// Lists of one issuer follow one another: how many serials the new one has more than the old.
fn crl_changes(before: &[Crl], after: &[Crl]) -> Vec<String> {
    let new = after.iter().filter(|crl| !before.contains(crl)).map(|crl| {
        let old = before.iter().find(|old| old.issuer_key == crl.issuer_key);
        let more = match old.map(|old| crl.entries.saturating_sub(old.entries)) {
            Some(more) if more > 0 => format!(", {more} more than before"),
            _ => String::new(),
        };
        let (issuer, entries, due) = (&crl.issuer, crl.entries, unix_rfc3339(crl.next_update));
        format!("CRL of {issuer}: {entries} serials revoked{more}; the next is due at {due}")
    });
    let without = |old: &&Crl| after.iter().all(|crl| crl.issuer_key != old.issuer_key);
    let gone = before.iter().filter(without).map(|old| format!("CRL of {} taken out", old.issuer));
    new.chain(gone).collect()
}
