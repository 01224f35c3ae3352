//! What the admin listener shows of the generation in use.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::readiness::Readiness;
use crate::config::{BearerToken, InUse, RouteSettings, Settings};
use crate::pki::Ca;

/// The part of the status that a reload replaces.
#[derive(Debug)]
pub struct GenerationStatus {
    pub(super) json: Value,
    pub(super) readiness: Readiness,
    /// Settings that were loaded with other values than those in use, which need a restart.
    pub(super) needs_restart: Vec<String>,
    pub(super) token: Option<BearerToken>,
    /// For the console.
    pub(super) console: ConsoleSettings,
}

/// Settings of the console.
#[derive(Clone, Debug, Default)]
pub(super) struct ConsoleSettings {
    pub(super) number: u64,
    pub(super) show_bodies: bool,
    /// The denylist, if there is one.
    pub(super) denylist: Option<PathBuf>,
    /// What clients call.
    pub(super) url: Option<String>,
}

impl ConsoleSettings {
    fn new(settings: &Settings, number: u64) -> Self {
        let reloadable = &settings.reloadable;
        let certificates = reloadable.material.own.iter().map(|own| &own.certificate);
        let names = certificates.flat_map(|certificate| &certificate.san);
        let mut names = names.filter_map(|name| name.strip_prefix("dns:"));
        let name = names.find(|name| !name.contains('*'));
        let url = |address: &SocketAddr| {
            let path = reloadable.routes.first().map(|route| route.path.to_string()).unwrap_or_default();
            match name {
                Some(name) => format!("https://{name}:{}{path}", address.port()),
                None => format!("https://{address}{path}"),
            }
        };
        Self {
            number,
            show_bodies: reloadable.admin_show_bodies,
            denylist: reloadable.material_paths.denylist.clone(),
            url: settings.startup.listen.first().map(url),
        }
    }
}

impl GenerationStatus {
    /// The status of `settings`; `started` are the settings that the process was started with.
    pub fn new(settings: &Settings, started: &InUse, generation: u64) -> Self {
        let needs_restart = started.needs_restart(&settings.in_use);
        let mut json = describe(settings, generation);
        json["needs_restart"] = needs_restart.clone().into();
        json["settings"] = json!(started.reloaded(&settings.in_use));
        Self {
            json,
            readiness: Readiness::of(&settings.reloadable),
            needs_restart,
            token: settings.reloadable.admin_token.clone(),
            console: ConsoleSettings::new(settings, generation),
        }
    }
}

fn describe(settings: &Settings, generation: u64) -> Value {
    let material = &settings.reloadable.material;
    let ca = |ca: &Ca| json!({ "subject": ca.subject, "not_after": ca.not_after_text });
    let route = |route: &RouteSettings| {
        json!({
            "path": route.path.to_string(),
            "methods": route.methods.to_string(),
            "upstream": route.upstream.target.to_string(),
        })
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "generation": generation,
        "certificates": material.own.iter().map(|own| &own.certificate).collect::<Vec<_>>(),
        "client_cas": material.trust.cas.iter().map(ca).collect::<Vec<_>>(),
        "routes": settings.reloadable.routes.iter().map(route).collect::<Vec<_>>(),
    })
}
