//! Log lines about settings that can be used, but may not be what the operator wants.

use std::time::SystemTime;

use serde::Serialize;
use tracing::Level;

use crate::checks::{self, Roots};
use crate::config::Settings;
use crate::finding::{Area, Check, Severity};
use crate::identity::time::unix_seconds;
use crate::telemetry::emit;

/// The event `settings_warning`.
#[derive(Serialize)]
pub(crate) struct Warning<'a> {
    /// The setting.
    pub(crate) origin: &'a str,
    pub(crate) detail: &'a str,
    pub(crate) hint: &'a str,
}

/// Logs each warning that `check` would print.
pub(super) fn log_warnings(settings: &Settings) {
    // Without the system's roots: the sandbox does not allow reading them, and only clients need them.
    let roots = Roots::of(&settings.reloadable.material.trust);
    let found = checks::findings(settings, &roots, &[], unix_seconds(SystemTime::now()));
    for finding in found.iter().filter(|finding| finding.severity >= Severity::Warning) {
        let (origin, detail) = match (finding.area, finding.name) {
            (Area::Certificate, _) => {
                ("tls.certificate", format!("{}: {}", finding.subject, finding.detail))
            }
            (Area::Clients, Check::Crl) => ("clients.crl", finding.detail.clone()),
            (Area::Clients, _) => ("clients.ca", finding.detail.clone()),
            _ => (finding.subject.as_str(), finding.detail.clone()),
        };
        let hint = finding.hint.as_deref().unwrap_or_default();
        emit(Level::WARN, "settings_warning", &Warning { origin, detail: &detail, hint });
    }
}
