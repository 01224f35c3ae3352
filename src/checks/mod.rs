//! Checks settings and certificates for problems that do not prevent clawgate from starting.
//!
//! `check` and `doctor` print the findings, and `explain` those about servers. Warnings and failed checks are also
//! logged at the start and after a reload. Nothing here uses the network or decides which clients are admitted.

mod chain;
mod clients;
mod crls;
pub(crate) mod expiry;
pub mod inbox;
mod roots;
mod server;
mod strength;
mod validity;

pub use self::clients::without_rules;
pub use self::crls::without_crls;
pub use self::roots::{Roots, system_verifies, verifies};
pub use self::server::Server;
pub use self::strength::algorithm;
pub use self::validity::leaf as dates;

use std::time::SystemTime;

use rustls_pki_types::CertificateDer;

use crate::config::{Problem, Settings};
use crate::finding::{Area, Check, Finding, Findings, Subject};
use crate::identity::time::unix_seconds;
use crate::pki::Ca;

/// [`findings`], with the roots in the settings, the roots of this system, and `server_cas`, the roots that clients
/// have.
pub fn with_system_roots(
    settings: &Settings,
    server_cas: &[CertificateDer<'static>],
    now: SystemTime,
) -> Findings {
    let mut roots = Roots::of(&settings.reloadable.material.trust).with_system();
    roots.add(server_cas.iter().filter_map(Ca::read));
    Findings { findings: findings(settings, &roots, &[], unix_seconds(now)) }
}

/// All findings about `settings` at `at` (seconds since 1970) that need no network. `brought`: CAs that a client sends
/// in its chain.
pub fn findings(settings: &Settings, roots: &Roots, brought: &[Ca], at: i64) -> Vec<Finding> {
    let mut found = of_settings(settings);
    found.extend(of_certificates(settings, roots, at));
    found.extend(clients::findings(&settings.reloadable, roots, brought, at));
    found
}

fn of_settings(settings: &Settings) -> Vec<Finding> {
    let warning = |problem: &Problem| {
        let subject = Subject::new(Area::Settings, &problem.place);
        subject.warning(Check::Load, &problem.what, &problem.hint)
    };
    if settings.warnings.is_empty() {
        let routes = settings.reloadable.routes.len();
        let plural = if routes == 1 { "" } else { "s" };
        let detail = format!("read, with all files they name; {routes} route{plural}");
        return vec![Subject::new(Area::Settings, "").pass(Check::Load, detail)];
    }
    settings.warnings.iter().map(warning).collect()
}

/// Findings about clawgate's own certificates in their files.
fn of_certificates(settings: &Settings, roots: &Roots, at: i64) -> Vec<Finding> {
    let own = settings.reloadable.material.own.iter();
    own.flat_map(|own| {
        let subject = Subject::new(Area::Certificate, own.path.display());
        Server { subject: &subject, chain: &own.certified.cert, name: None, is_own: true, at }
            .findings(roots)
    })
    .collect()
}
