//! The events from `started` to `stopped`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing::Level;

use super::sockets::Sockets;
use crate::checks::expiry::Expiring;
use crate::config::{AdminAddress, RouteSettings, Settings};
use crate::identity::Certificate;
use crate::reload::Warning;
use crate::telemetry::emit;

#[derive(Serialize)]
pub(super) struct Started<'a> {
    version: &'static str,
    pid: u32,
    listen: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    listen_proxy: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    listen_signed: Vec<String>,
    /// Whether the service manager has opened sockets.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    passed: bool,
    admin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<String>,
    workers: usize,
    routes: Vec<String>,
    certificates: Vec<&'a Certificate>,
    client_cas: Vec<&'a str>,
}

impl<'a> Started<'a> {
    /// With the addresses of the admin listener and of the relay's.
    pub(super) fn new(
        settings: &'a Settings,
        sockets: &Sockets,
        (admin, relay): (Option<AdminAddress>, Option<AdminAddress>),
    ) -> Self {
        let texts = |addresses: &[SocketAddr]| addresses.iter().map(SocketAddr::to_string).collect();
        let route = |route: &RouteSettings| match &route.relay {
            Some(target) => format!("{} {} -> target {target}", route.methods, route.path),
            None => format!("{} {} -> {}", route.methods, route.path, route.upstream.target),
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            listen: texts(&sockets.addresses),
            listen_proxy: texts(&sockets.proxy_addresses),
            listen_signed: texts(&sockets.signed_addresses),
            passed: sockets.passed,
            admin: admin.map(|address| address.to_string()),
            relay: relay.map(|address| address.to_string()),
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

    /// The addresses for clients.
    pub(super) fn listen(&self) -> &[String] {
        &self.listen
    }
}

#[derive(Serialize)]
pub(super) struct CertificateExpiring<'a> {
    kind: &'static str,
    name: &'a str,
    /// SHA-256 of the certificate or of the CA's key, or the file of the CRL.
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

/// Logged at the start only, since it may be intended.
pub(super) fn log_without_allow_rules(settings: &Settings) {
    let has_ca = !settings.reloadable.material.trust.cas.is_empty();
    if settings.reloadable.clients_rules.is_empty() && has_ca {
        let detail = "no allow rule: any certificate of the client CAs is admitted";
        let hint = "name the clients with --allow (e.g. --allow cn=meeting-notes) if the CA has other certificates";
        emit(Level::INFO, "settings_warning", &Warning { origin: "clients.allow", detail, hint });
    }
}

/// Logs at the start if the limit of open files allows only `capacity` connections, fewer than the settings.
pub(super) fn log_few_connections(settings: &Settings, capacity: usize) {
    let wanted = settings.startup.limits.connections;
    if capacity < wanted {
        let detail =
            format!("the limit of open files leaves room for {capacity} connections, not {wanted}");
        let hint = "raise the limit (ulimit -Hn, LimitNOFILE=), or lower limits.connections";
        let warning = Warning { origin: "limits.connections", detail: &detail, hint };
        emit(Level::WARN, "settings_warning", &warning);
    }
}
