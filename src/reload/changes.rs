//! What a reload has changed.

use crate::config::{KeyFile, RouteSettings, Settings};
use crate::identity::{Certificate, unix_rfc3339};
use crate::pki::TrustStore;
use crate::pki::material::{Material, Own};
use crate::pki::revocation::Crl;
use crate::upstream::UpstreamTls;

/// What a reload has changed: certificates, CAs and lists one by one, other settings by their names.
pub(crate) fn changes(old: &Settings, new: &Settings) -> Vec<String> {
    let (before, after) = (&old.reloadable.material, &new.reloadable.material);
    let mut changes = certificate_changes(before, after);
    changes.extend(trust_changes(&before.trust, &after.trust));
    let names = old.in_use.differences(&new.in_use).into_iter();
    let names = names.filter(|difference| !difference.needs_restart).map(|difference| difference.key);
    let (routes, names): (Vec<_>, Vec<_>) = names.partition(|name| name.starts_with("route "));
    changes.extend(names.into_iter().filter(|name| !has_words_of_its_own(name)));
    if !routes.is_empty() {
        changes.push("routes".to_owned());
    }
    let (before, after) = (&old.reloadable.routes, &new.reloadable.routes);
    if secured(before) != secured(after) {
        changes.push("TLS to the upstream".to_owned());
    }
    let tokens = |routes: &[RouteSettings]| {
        routes.iter().map(|route| route.upstream.token.clone()).collect::<Vec<_>>()
    };
    if tokens(before) != tokens(after) {
        changes.push("hook token".to_owned());
    }
    changes.extend(key_changes(before, after));
    changes
}

/// New contents of files with the secrets and public keys of webhook senders.
fn key_changes(before: &[RouteSettings], after: &[RouteSettings]) -> Vec<String> {
    let files = |routes: &[RouteSettings]| -> Vec<KeyFile> {
        let verified = routes.iter().filter_map(|route| route.verify.as_ref());
        verified.flat_map(|verify| verify.key_files.iter().cloned()).collect()
    };
    let (before, after) = (files(before), files(after));
    let is_new = |file: &&KeyFile| !before.contains(file);
    let mut changed: Vec<_> =
        after.iter().filter(is_new).map(|file| file.path.display().to_string()).collect();
    changed.sort_unstable();
    changed.dedup();
    changed.into_iter().map(|path| format!("webhook key in {path}")).collect()
}

/// Settings that name files. The changes in the files' content are listed instead.
fn has_words_of_its_own(name: &str) -> bool {
    let files =
        ["files", "tls.certificate", "tls.ocsp", "clients.ca", "clients.crl", "clients.denylist"];
    files.contains(&name) || name == "clients.pinned"
}

fn secured(routes: &[RouteSettings]) -> Vec<Option<&UpstreamTls>> {
    routes.iter().map(|route| route.upstream.secure.as_ref()).collect()
}

fn certificate_changes(before: &Material, after: &Material) -> Vec<String> {
    let has = |material: &Material, certificate: &Certificate| {
        material.own.iter().any(|own| own.certificate == *certificate)
    };
    let new = after.own.iter().filter(|own| !has(before, &own.certificate));
    let new = new.map(|Own { certificate, .. }| {
        format!("certificate {} until {}", certificate.serial, certificate.not_after)
    });
    let gone = before.own.iter().filter(|own| !has(after, &own.certificate));
    let gone = gone.map(|own| format!("certificate {} taken out", own.certificate.serial));
    let mut changes: Vec<_> = new.chain(gone).collect();
    let staples = |material: &Material| -> Vec<_> {
        let until = |own: &Own| own.staple.as_ref().map(|staple| staple.until_text.clone());
        material.own.iter().map(until).collect()
    };
    if staples(before) != staples(after) {
        changes.push("OCSP".to_owned());
    }
    changes
}

fn trust_changes(before: &TrustStore, after: &TrustStore) -> Vec<String> {
    let mut changes = Vec::new();
    for ca in &after.cas {
        if before.cas.iter().all(|old| old.spki_sha256 != ca.spki_sha256) {
            changes.push(format!("client CA {} added", ca.subject));
        }
    }
    for ca in &before.cas {
        if after.cas.iter().all(|new| new.spki_sha256 != ca.spki_sha256) {
            changes.push(format!("client CA {} removed", ca.subject));
        }
    }
    changes.extend(crl_changes(&before.crls, &after.crls));
    if before.denylist != after.denylist {
        changes.push(format!("denylist: {} denied now", after.denylist.len()));
    }
    if before.pinned != after.pinned {
        changes.push(format!("clients.pinned: {} now", after.pinned.len()));
    }
    changes
}

/// New and removed CRLs. A new CRL is compared with the previous one of the same issuer: how many serials it has more.
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
