//! The command `doctor`: checks the files, the running process from outside, and its upstreams. Each check has a
//! result, and a hint if something is wrong.
//!
//! It uses the same code as the rest of clawgate: the loader of the settings, the verifier, the checks of [`checks`]
//! and the TLS client of [`explain`](crate::explain). Only `listener`, `signatures`, `admin`, `upstream`,
//! `relay`, `targets` and `collector` use the network.

mod admin;
mod caller;
mod collector;
mod console;
mod files;
mod inbox;
mod listener;
mod machine;
mod meaning;
mod own_server;
mod probe;
mod relay;
mod running;
mod signatures;
mod targets;
mod token;
mod upstream;

use std::io;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use tokio::runtime::Builder;
use tokio::time::timeout;

pub use self::caller::Caller;
pub use self::console::console_text;

use crate::checks::{self, Roots};
use crate::config::{AdminAddress, Problem, Problems, Settings};
use crate::finding::{Area, Check, Finding, Findings, Subject};
use crate::identity::time::unix_seconds;
use crate::pki::Ca;

/// What `doctor` gets in addition to the settings.
#[derive(Debug, Default)]
pub struct Helpers {
    /// A client certificate to present to clawgate.
    pub caller: Option<Caller>,
    /// Roots that clients trust, to verify clawgate's own certificate.
    pub server_cas: Vec<CertificateDer<'static>>,
    /// Whether a request with a valid signature is sent to each route that verifies signatures. It is delivered.
    pub sends_signed: bool,
}

/// Checks a clawgate with these settings, as of `now`.
///
/// # Errors
/// When no runtime for the network can be created.
pub fn examine(settings: &Settings, helpers: &Helpers, now: SystemTime) -> io::Result<Findings> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut found = Findings::default();
    let at = unix_seconds(now);
    let caller = helpers.caller.as_ref();
    let brought = caller.iter().flat_map(|caller| caller.client.chain.iter().skip(1));
    let brought: Vec<_> = brought.filter_map(Ca::read).filter(|ca| ca.is_ca).collect();
    let mut roots = Roots::of(&settings.reloadable.material.trust).with_system();
    roots.add(helpers.server_cas.iter().filter_map(Ca::read).chain(brought.iter().cloned()));
    found.extend(checks::findings(settings, &roots, &brought, at));
    found.extend(files::findings(settings));
    found.extend(token::findings(&settings.reloadable));
    found.extend(machine::findings(settings, now, runtime.block_on(admin::file_limit(settings))));
    let inputs = listener::CheckInputs { settings, caller, roots: &roots, now };
    found.extend(runtime.block_on(listener::findings(&inputs)));
    let sends_signed = helpers.sends_signed;
    let routes = signatures::RouteChecks { settings, caller, sends_signed, now };
    found.extend(runtime.block_on(routes.findings()));
    found.extend(runtime.block_on(admin::findings(settings)));
    found.extend(runtime.block_on(running::findings(settings)));
    found.extend(runtime.block_on(inbox::findings(settings, now)));
    found.extend(runtime.block_on(upstream::findings(settings, now)));
    found.extend(runtime.block_on(relay::findings(settings)));
    found.extend(runtime.block_on(targets::findings(settings, now)));
    found.extend(runtime.block_on(collector::findings(settings)));
    Ok(found)
}

/// Checks from within the running clawgate: all but what needs a connection to itself, which its sandbox does not allow. Those of the
/// network end after `longest`, all together.
///
/// # Errors
/// When no runtime for the network can be created.
pub fn examine_from_within(
    settings: &Settings,
    now: SystemTime,
    longest: Duration,
) -> io::Result<Findings> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut found = Findings::default();
    let roots = Roots::of(&settings.reloadable.material.trust);
    found.extend(checks::findings(settings, &roots, &[], unix_seconds(now)));
    found.extend(files::findings(settings));
    found.extend(token::findings(&settings.reloadable));
    runtime.block_on(async {
        let parts = async {
            found.extend(inbox::findings(settings, now).await);
            found.extend(upstream::findings(settings, now).await);
            found.extend(targets::findings(settings, now).await);
            found.extend(collector::findings(settings).await);
        };
        if timeout(longest, parts).await.is_err() {
            let rest = format!("the other checks did not end within {} s", longest.as_secs());
            found.extend([Subject::new(Area::Settings, "").fail(
                Check::Rest,
                rest,
                "run `clawgate doctor`",
            )]);
        }
    });
    Ok(found)
}

/// Stored events that the routes of `settings` do not deliver.
///
/// # Errors
/// When no runtime can be created.
pub fn stored_without_route(settings: &Settings) -> io::Result<Vec<Finding>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let Some(place) = &settings.inbox_place else { return Ok(Vec::new()) };
    // Why a database cannot be read is a question for `doctor`, and for clawgate when it starts.
    let totals = runtime.block_on(checks::inbox::stored(place)).ok().flatten();
    Ok(totals.map(|totals| checks::inbox::without_route(settings, place, &totals)).unwrap_or_default())
}

/// What would change if the running process loaded `settings`. Asks the process over its admin listener.
///
/// # Errors
/// When no runtime for the network can be created.
pub fn running(settings: &Settings) -> io::Result<Vec<Finding>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(running::findings(settings)))
}

/// Whether the clawgate with the admin listener `address` is ready or, with `alive`, whether it runs at all.
///
/// # Errors
/// When no runtime for the network can be created.
pub fn probe(address: &AdminAddress, alive: bool) -> io::Result<Findings> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let subject = Subject::new(Area::Admin, address);
    let (check, path) = if alive { (Check::Alive, "/livez") } else { (Check::Ready, "/readyz") };
    let finding = runtime.block_on(admin::ask(&subject, address, check, path));
    Ok(Findings { findings: vec![finding] })
}

/// The findings when the settings cannot be used: each problem is a failed check, and nothing else is checked.
pub fn unusable(problems: &Problems) -> Findings {
    let mut found = Findings::default();
    let fail = |problem: &Problem| {
        Subject::new(Area::Settings, &problem.place).fail(Check::Load, &problem.what, &problem.hint)
    };
    found.extend(problems.iter().map(fail));
    let rest = "the other checks need settings that can be used";
    found.extend([Subject::new(Area::Settings, "").skipped(Check::Rest, rest)]);
    found
}
