//! What the console keeps while clawgate runs.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::outcomes::Outcomes;
use crate::admin::lock::lock;
use crate::checks::expiry;
use crate::console::data::{Doctor, Expiring};
use crate::console::history::{History, PerRoute, Totals};
use crate::finding::Findings;
use crate::identity::client_cert_inventory::ClientCertInventory;
use crate::random::random_hex;
use crate::telemetry::metrics::{Metrics, Sums};
use crate::telemetry::recent::Recent;

/// How long the page waits for the checks. They go on afterwards.
const CHECKS: Duration = Duration::from_secs(20);

/// Runs the checks of `clawgate doctor`. Blocks.
pub(in crate::admin) type Checks = Box<dyn Fn() -> Findings + Send + Sync>;

/// What has become of checks that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Examined {
    /// They have ended.
    Ended,
    /// They have begun, and take longer than the page waits.
    GoesOn,
    /// Others are running, so that they have not begun.
    Runs,
}

/// What the console keeps.
pub struct Console {
    /// What forms carry.
    pub(super) nonce: String,
    pub(super) history: History,
    pub(super) unsigned: Arc<Recent>,
    pub(super) seen: Arc<ClientCertInventory>,
    pub(super) outcomes: Outcomes,
    pub(super) expiring: Mutex<Vec<Expiring>>,
    /// Whether the console may add lines to the denylist.
    pub(super) edit_denylist: bool,
    pub(super) doctor: Arc<Mutex<Doctor>>,
    checks: Arc<Checks>,
}

impl Console {
    /// `unsigned`: the latest requests without a valid signature; `seen`: the clients' certificates; `edit_denylist`: whether it
    /// may add lines to the denylist.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new(
        unsigned: Arc<Recent>,
        seen: Arc<ClientCertInventory>,
        edit_denylist: bool,
        checks: Checks,
    ) -> io::Result<Self> {
        Ok(Self {
            nonce: random_hex::<16>()?,
            history: History::default(),
            unsigned,
            seen,
            outcomes: Outcomes::default(),
            expiring: Mutex::default(),
            edit_denylist,
            doctor: Arc::default(),
            checks: Arc::new(checks),
        })
    }

    /// Adds a sample to the history every 30 s, until the control runtime ends.
    pub(in crate::admin) async fn sample(&self, metrics: &Metrics) {
        let mut ticks = interval(History::PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.history.add(SystemTime::now(), totals(metrics.sums()));
        }
    }

    /// Sets what expires.
    pub(in crate::admin) fn expires(&self, all: &[expiry::Expiring]) {
        let mut all: Vec<_> = all.iter().map(shown).collect();
        all.sort_by_key(|item| item.at);
        *lock(&self.expiring) = all;
    }

    /// Runs the checks, unless they are running, and waits for them for a while.
    pub(super) async fn examine(&self) -> Examined {
        {
            let mut doctor = lock(&self.doctor);
            if doctor.is_running {
                return Examined::Runs;
            }
            doctor.is_running = true;
        }
        let (checks, running) = (Arc::clone(&self.checks), Running(Arc::clone(&self.doctor)));
        let (ending, ended) = oneshot::channel();
        let run = move || {
            let findings = checks();
            running.doctor().last = Some((SystemTime::now(), findings));
            drop(running);
            // The page may not wait any more.
            let _ = ending.send(());
        };
        // No task of the runtime, whose end would wait for it. If there is no thread, the checks have ended without a result.
        let _ = std::thread::Builder::new().name("checks".to_owned()).spawn(run);
        match timeout(CHECKS, ended).await {
            Ok(_) => Examined::Ended,
            Err(_) => Examined::GoesOn,
        }
    }
}

/// Notes the end of the checks, also of those that panic.
struct Running(Arc<Mutex<Doctor>>);

impl Running {
    fn doctor(&self) -> std::sync::MutexGuard<'_, Doctor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.doctor().is_running = false;
    }
}

fn shown(item: &expiry::Expiring) -> Expiring {
    let kind = match item.kind {
        expiry::Kind::ServerCertificate => "clawgate",
        expiry::Kind::OwnClientCertificate => "clawgate, to upstreams",
        expiry::Kind::ClientCa => "client CA",
        expiry::Kind::Crl => "CRL",
        expiry::Kind::ClientCertificate => "client",
    };
    Expiring { kind, name: item.name.clone(), at: item.validity.until }
}

/// What the metrics say, for the history.
pub(super) fn totals(sums: Sums) -> Totals {
    let Sums { requests, failures, took, refused, signatures } = sums;
    let route = |counts: crate::telemetry::metrics::SignatureCounts| PerRoute {
        route: counts.route,
        valid: counts.valid,
        failed: counts.failed,
        duplicates: counts.duplicates,
        last_valid: None,
    };
    Totals { requests, failures, refused, took, routes: signatures.into_iter().map(route).collect() }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}
