//! What is wrong with settings and certificates, beyond what keeps clawgate from starting.
//!
//! The same findings are printed by `check` and `doctor`, those about servers also by `explain`, and those that are
//! bad are logged at the start and after a reload. Nothing here touches the network or decides who is admitted.

mod chain;
mod clients;
mod crls;
pub(crate) mod expiry;
mod roots;
mod server;
mod strength;
mod validity;

pub use self::clients::without_rules;
pub use self::crls::without_crls;
pub use self::roots::Roots;
pub use self::server::Server;
pub use self::strength::algorithm;
pub use self::validity::leaf as dates;

use std::time::SystemTime;

use rustls_pki_types::CertificateDer;

use crate::config::{Problem, Settings};
use crate::finding::{Area, Check, Finding, Findings, Subject};
use crate::identity::time::unix_seconds;
use crate::pki::Ca;

/// [`findings`], judged with the roots in the settings, those of this system, and `server_cas`: roots that clients have.
pub fn with_system_roots(
    settings: &Settings,
    server_cas: &[CertificateDer<'static>],
    now: SystemTime,
) -> Findings {
    let mut roots = Roots::of(&settings.reloadable.material.trust).with_system();
    roots.add(server_cas.iter().filter_map(Ca::read));
    Findings { findings: findings(settings, &roots, &[], unix_seconds(now)) }
}

/// All that can be said of `settings` at `at` (seconds since 1970) without the network. `brought`: CAs that a
/// client's chain brings along.
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

/// clawgate's own certificates, as their files hold them.
fn of_certificates(settings: &Settings, roots: &Roots, at: i64) -> Vec<Finding> {
    let own = settings.reloadable.material.own.iter();
    own.flat_map(|own| {
        let subject = Subject::new(Area::Certificate, own.path.display());
        Server { subject: &subject, chain: &own.certified.cert, name: None, is_own: true, at }
            .findings(roots)
    })
    .collect()
}
