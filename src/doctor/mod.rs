//! Is everything about this gate as it should be? Looks at the files, at the running gate from outside,
//! and at its upstreams, and says for each thing whether it is good, and if not, how to mend it.
//!
//! It judges with what the gate itself judges with: the settings' own loader, the verifier, and the
//! client of [`explain`](crate::explain). Only `listener`, `admin`, `upstream` and `collector` touch the network.

mod admin;
mod certificate;
mod collector;
mod files;
mod listener;
mod machine;
mod meaning;
mod probe;
mod report;
mod senders;
mod token;
mod upstream;

use std::io;
use std::time::SystemTime;

use tokio::runtime::Builder;

use self::report::Place;
pub use self::report::{Finding, Report, State};
use crate::config::{AdminAddress, Problem, Problems, Settings};
use crate::explain::{Credentials, Sender};
use crate::tls::material::unix_seconds;
use crate::tls::revocation::STRANGER_HINT;

/// A client certificate to call the gate with.
#[derive(Debug)]
pub struct Caller {
    /// As it is judged by the settings.
    pub sender: Sender,
    /// As it is presented.
    pub credentials: Credentials,
}

/// Examines a gate with these settings, as of `now`; calls it as `caller`, too, if there is one.
///
/// # Errors
/// When no runtime can be had for the network.
pub fn examine(settings: &Settings, caller: Option<&Caller>, now: SystemTime) -> io::Result<Report> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut report = Report::default();
    let at = unix_seconds(now);
    report.extend(settings_read(settings));
    report.extend(files::findings(settings));
    report.extend(certificate::findings(settings, at));
    report.extend(senders::findings(settings, caller, at));
    report.extend(token::findings(settings));
    report.extend(machine::findings(settings, now, runtime.block_on(admin::file_limit(settings))));
    report.extend(runtime.block_on(listener::findings(settings, caller, now)));
    report.extend(runtime.block_on(admin::findings(settings)));
    report.extend(runtime.block_on(upstream::findings(settings, now)));
    report.extend(runtime.block_on(collector::findings(settings)));
    Ok(report)
}

/// Whether the gate with its admin listener at `address` is ready, or only `alive`.
///
/// # Errors
/// When no runtime can be had for the network.
pub fn probe(address: &AdminAddress, alive: bool) -> io::Result<Report> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let place = Place::new("admin", address);
    let (check, path) = if alive { ("alive", "/livez") } else { ("ready", "/readyz") };
    let finding = runtime.block_on(admin::ask(&place, address, check, path));
    Ok(Report { findings: vec![finding] })
}

/// What there is to say when the settings cannot be used: each problem is a fault, and the rest cannot
/// be looked at.
pub fn unusable(problems: &Problems) -> Report {
    let mut report = Report::default();
    let place = Place::new("settings", "");
    let fault = |problem: &Problem| {
        place.fault("load", format!("{}: {}", problem.origin, problem.what), &problem.mend)
    };
    report.extend(problems.iter().map(fault));
    let rest = "everything else is looked at when the settings can be used";
    report.extend([place.skipped("rest", rest)]);
    report
}

fn settings_read(settings: &Settings) -> Vec<Finding> {
    let place = Place::new("settings", "");
    // `senders/crl` looks at these, with the intermediates of senders at hand.
    let is_looked_at = |problem: &&Problem| problem.mend == STRANGER_HINT;
    let mut warnings = settings.warnings.iter().filter(|problem| !is_looked_at(problem)).peekable();
    if warnings.peek().is_none() {
        let routes = settings.routes.len();
        let plural = if routes == 1 { "" } else { "s" };
        return vec![
            place.good("load", format!("read, with all files they name; {routes} route{plural}")),
        ];
    }
    let warning = |problem: &Problem| {
        place.warning("load", format!("{}: {}", problem.origin, problem.what), &problem.mend)
    };
    warnings.map(warning).collect()
}
