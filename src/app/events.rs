//! The events of the gate's life: from `started` to `stopped`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::expiry::Expiring;
use crate::config::{RouteSettings, Settings};
use crate::identity::Certificate;
use crate::tls::material::{Material, Own};
use crate::upstream::Telling;

#[derive(Serialize)]
pub(super) struct Started<'a> {
    version: &'static str,
    pid: u32,
    listen: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    listen_proxy: Vec<String>,
    admin: Option<String>,
    workers: usize,
    routes: Vec<String>,
    certificates: Vec<&'a Certificate>,
    client_cas: Vec<&'a str>,
}

impl<'a> Started<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        (listen, listen_proxy): (&[SocketAddr], &[SocketAddr]),
        admin: Option<SocketAddr>,
    ) -> Self {
        let texts = |addresses: &[SocketAddr]| addresses.iter().map(SocketAddr::to_string).collect();
        let route = |route: &RouteSettings| {
            format!("{} {} -> {}", route.methods, route.path, route.upstream.target)
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            listen: texts(listen),
            listen_proxy: texts(listen_proxy),
            admin: admin.map(|address| address.to_string()),
            workers: settings.workers.get(),
            routes: settings.routes.iter().map(route).collect(),
            certificates: settings.material.own.iter().map(|own| &own.certificate).collect(),
            client_cas: settings.material.trust.cas.iter().map(|ca| ca.subject.as_str()).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Warning<'a> {
    pub(super) origin: &'a str,
    pub(super) detail: &'a str,
    pub(super) hint: &'a str,
}

#[derive(Serialize)]
pub(super) struct CertificateExpiring<'a> {
    kind: &'static str,
    name: &'a str,
    /// SHA-256 of a certificate, of a CA's key; a revocation list's time.
    mark: &'a str,
    not_after: String,
    days_left: i64,
    detail: String,
    hint: &'static str,
}

impl<'a> CertificateExpiring<'a> {
    pub(super) fn new(expiring: &'a Expiring, now: i64) -> Self {
        Self {
            kind: expiring.kind.as_str(),
            name: &expiring.name,
            mark: &expiring.mark,
            not_after: expiring.until(),
            days_left: expiring.days_left(now),
            detail: expiring.detail(now),
            hint: expiring.hint(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct WatchFailed {
    detail: String,
    hint: &'static str,
}

impl WatchFailed {
    pub(super) fn new(error: &notify::Error) -> Self {
        let hint = "a change of the files is noticed late: raise fs.inotify.max_user_watches and \
                    fs.inotify.max_user_instances, or send SIGHUP after a change";
        Self { detail: error.to_string(), hint }
    }
}

#[derive(Serialize)]
pub(super) struct Draining {
    signal: &'static str,
    connections: i64,
    deadline: String,
}

impl Draining {
    pub(super) fn new(signal: &'static str, connections: i64, timeout: Duration) -> Self {
        Self { signal, connections, deadline: humantime::format_duration(timeout).to_string() }
    }
}

#[derive(Serialize)]
pub(super) struct Stopped {
    uptime_s: u64,
    forced: usize,
}

impl Stopped {
    pub(super) fn new(started: Instant, forced: usize) -> Self {
        Self { uptime_s: started.elapsed().as_secs(), forced }
    }
}

#[derive(Serialize)]
pub(super) struct ReloadFailed<'a> {
    origin: &'static str,
    /// What goes on serving.
    generation: u64,
    detail: &'a str,
    hint: &'static str,
}

impl<'a> ReloadFailed<'a> {
    pub(super) fn new(origin: &'static str, generation: u64, detail: &'a str) -> Self {
        let hint = "the gate goes on with what it had; mend this and reload again";
        Self { origin, generation, detail, hint }
    }
}

#[derive(Serialize)]
pub(super) struct Reloaded {
    origin: &'static str,
    generation: u64,
    changed: Vec<String>,
    /// Settings that are read at the start only, and differ now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needs_restart: Vec<&'static str>,
}

impl Reloaded {
    pub(super) fn new(origin: &'static str, generation: u64, old: &Settings, new: &Settings) -> Self {
        Self { origin, generation, changed: changes(old, new), needs_restart: fixed(old, new) }
    }
}

/// What a reload has changed, in words.
fn changes(old: &Settings, new: &Settings) -> Vec<String> {
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
    if before.trust.crls != after.trust.crls {
        changes.push(format!("CRLs: {} now", after.trust.crls.len()));
    }
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
    let Telling { identity, forwarded, proxy_protocol } = upstream.telling;
    format!("{path} {methods} {max_body} {} {identity} {forwarded} {proxy_protocol}", upstream.target)
}

/// Settings that differ, but are read at the start only.
fn fixed(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let differ = [
        ("listen.address", old.listen != new.listen),
        ("listen.proxy_address", old.proxy.listen != new.proxy.listen),
        ("admin.address", old.admin != new.admin),
        ("runtime.workers", old.workers != new.workers),
        ("limits.connections", old.limits.connections != new.limits.connections),
        ("limits.connection_age", old.limits.connection_age != new.limits.connection_age),
        ("limits.idle_timeout", old.limits.idle_timeout != new.limits.idle_timeout),
        ("runtime.drain_timeout", old.drain_timeout != new.drain_timeout),
        ("log", old.log != new.log),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
