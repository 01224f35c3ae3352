//! What the admin listener shows of the generation in use.

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
