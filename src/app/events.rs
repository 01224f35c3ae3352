//! The events of the gate's life: from `started` to `stopped`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::{RouteSettings, Settings};
use crate::identity::Certificate;

#[derive(Serialize)]
pub(super) struct Started<'a> {
    version: &'static str,
    pid: u32,
    listen: Vec<String>,
    admin: Option<String>,
    workers: usize,
    routes: Vec<String>,
    certificate: &'a Certificate,
    client_cas: Vec<&'a str>,
}

impl<'a> Started<'a> {
    pub(super) fn new(settings: &'a Settings, listen: &[SocketAddr], admin: Option<SocketAddr>) -> Self {
        let route = |route: &RouteSettings| {
            format!("{} {} -> {}", route.methods, route.path, route.upstream.target)
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            listen: listen.iter().map(SocketAddr::to_string).collect(),
            admin: admin.map(|address| address.to_string()),
            workers: settings.workers.get(),
            routes: settings.routes.iter().map(route).collect(),
            certificate: &settings.material.server_certificate,
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
