//! The events of clawgate's life: from `started` to `stopped`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::expiry::Expiring;
use crate::config::{AdminAddress, RouteSettings, Settings};
use crate::identity::Certificate;
use crate::reload::changes::changes;
use crate::wording;

#[derive(Serialize)]
pub(super) struct Started<'a> {
    version: &'static str,
    pid: u32,
    pub(super) listen: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    listen_proxy: Vec<String>,
    /// Whether the service manager has opened them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    passed: bool,
    admin: Option<String>,
    workers: usize,
    routes: Vec<String>,
    certificates: Vec<&'a Certificate>,
    client_cas: Vec<&'a str>,
}

impl<'a> Started<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        (listen, listen_proxy): (&[SocketAddr], &[SocketAddr]),
        passed: bool,
        admin: Option<AdminAddress>,
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
            passed,
            admin: admin.map(|address| address.to_string()),
            workers: settings.startup.workers.get(),
            routes: settings.reloadable.routes.iter().map(route).collect(),
            certificates: settings.reloadable.material.own.iter().map(|own| &own.certificate).collect(),
            client_cas: settings
                .reloadable
                .material
                .trust
                .cas
                .iter()
                .map(|ca| ca.subject.as_str())
                .collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Warning<'a> {
    pub(super) origin: &'a str,
    pub(super) detail: &'a str,
    pub(crate) hint: &'a str,
}

#[derive(Serialize)]
pub(super) struct CertificateExpiring<'a> {
    kind: &'static str,
    name: &'a str,
    /// SHA-256 of a certificate, or of a CA's key; a revocation list's file.
    mark: &'a str,
    not_after: String,
    days_left: i64,
    detail: String,
    hint: &'static str,
}

impl<'a> CertificateExpiring<'a> {
    pub(crate) fn new(expiring: &'a Expiring, now: i64) -> Self {
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
    pub(crate) fn new(error: &notify::Error) -> Self {
        let hint = "a change of the files is noticed late: raise fs.inotify.max_user_watches and \
                    fs.inotify.max_user_instances, or send SIGHUP after a change";
        Self { detail: wording::watch(error), hint }
    }
}

#[derive(Serialize)]
pub(super) struct Draining {
    signal: &'static str,
    connections: i64,
    deadline: String,
}

impl Draining {
    pub(crate) fn new(signal: &'static str, connections: i64, timeout: Duration) -> Self {
        Self { signal, connections, deadline: humantime::format_duration(timeout).to_string() }
    }
}

#[derive(Serialize)]
pub(super) struct Stopped {
    uptime_s: u64,
    forced: usize,
}

impl Stopped {
    pub(crate) fn new(started: Instant, forced: usize) -> Self {
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
    pub(crate) fn new(origin: &'static str, generation: u64, detail: &'a str) -> Self {
        let hint = "clawgate goes on with what it had; hint this and reload again";
        Self { origin, generation, detail, hint }
    }
}

#[derive(Serialize)]
pub(super) struct Reloaded {
    origin: &'static str,
    generation: u64,
    changed: Vec<String>,
    /// Settings that are read at the start only, and differ from those that the process was started with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needs_restart: Vec<String>,
}

impl Reloaded {
    /// `needs_restart`: as against what the process was started with.
    pub(crate) fn new(
        origin: &'static str,
        generation: u64,
        (old, new): (&Settings, &Settings),
        needs_restart: Vec<String>,
    ) -> Self {
        Self { origin, generation, changed: changes(old, new), needs_restart }
    }
}
