//! Checks the machine: its clock and its limits.

use std::time::SystemTime;

use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::Settings;
use crate::finding::{Area, Check, Finding, Subject};
use crate::identity::time::unix_seconds;
use crate::identity::time::{span, time_text};
use crate::upstream::Target;

/// The number of files that are not connections: listeners, the log, files that are being read, the runtimes.
const OTHER_FILES: u64 = 64;

/// `running_limit`: how many files the running process may have open, if it reports that. Its service manager may have set
/// another limit than the one that `doctor` runs with.
pub(super) fn findings(
    settings: &Settings,
    now: SystemTime,
    running_limit: Option<u64>,
) -> Vec<Finding> {
    let place = Subject::new(Area::Machine, "");
    let (limit, whom) = match running_limit {
        Some(limit) => (Some(limit), "to the running clawgate"),
        None => (file_limit(), "here"),
    };
    vec![clock(&place, settings, unix_seconds(now)), files(&place, settings, limit, whom)]
}

/// Compares the clock with the latest notBefore of all certificates: on the clock of its CA that time has passed.
fn clock(place: &Subject, settings: &Settings, at: i64) -> Finding {
    let material = &settings.reloadable.material;
    let own = material.own.iter().flat_map(|own| &own.certified.cert);
    let begins = |der: &rustls_pki_types::CertificateDer<'_>| {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        Some(x509.validity().not_before.timestamp())
    };
    let newest = own.chain(material.trust.cas.iter().map(|ca| ca.der())).filter_map(begins).max();
    match newest {
        Some(newest) if newest > at => place.fail(
            Check::Clock,
            format!(
                "{} by this clock, {} before a certificate becomes valid",
                time_text(at),
                span(newest - at)
            ),
            "correct the clock (timedatectl), and check that it is synchronized",
        ),
        _ => place
            .pass(Check::Clock, format!("{}, after the notBefore of every certificate", time_text(at))),
    }
}

fn files(place: &Subject, settings: &Settings, limit: Option<u64>, whom: &str) -> Finding {
    let connections = u64::try_from(settings.startup.limits.connections).unwrap_or(u64::MAX);
    // One connection from the client, and one to the upstream.
    let passes_on = settings.reloadable.routes.iter().any(|route| route.upstream.target != Target::Echo);
    let each = if passes_on { 2 } else { 1 };
    let wanted = connections.saturating_mul(each).saturating_add(OTHER_FILES);
    match limit {
        None => place.skipped(Check::OpenFiles, "the limit of open files is not known on this system"),
        Some(limit) if limit < wanted => {
            let fit = limit.saturating_sub(OTHER_FILES) / each;
            place.warning(
                Check::OpenFiles,
                format!("{limit} open files are allowed {whom}, enough for {fit} connections; limits.connections is {connections}"),
                format!("allow {wanted} (ulimit -Hn, LimitNOFILE={wanted}), or set limits.connections to {fit}"),
            )
        }
        Some(limit) => place.pass(
            Check::OpenFiles,
            format!("{limit} are allowed {whom}, enough for {connections} connections"),
        ),
    }
}

/// The hard limit, to which clawgate raises its limit at the start.
fn file_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    let hard = line.split_whitespace().nth(4)?;
    if hard == "unlimited" { Some(u64::MAX) } else { hard.parse().ok() }
}
