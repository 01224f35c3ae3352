//! From settings to a running gate, and to its end.
//!
//! A thread for each worker, each with a runtime, listening sockets, connections and upstream pools
//! of its own: nothing is shared on the request path but counters. The calling thread keeps the
//! control runtime: signals, the admin listener, draining.

mod config_metrics;
mod control;
mod errors;
mod events;
mod expiry;
mod serving;
mod trace_export;
mod worker;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rustls_pki_types::CertificateDer;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::Level;

use self::control::ControlEvents;
pub use self::errors::{PrepareError, RunError};
use self::events::{Started, Stopped, Warning, WatchFailed};
use self::expiry::Notices;
use self::serving::Serving;
use self::worker::{Sockets, Worker};
use crate::admin::{GenerationStatus, Status};
use crate::checks::Roots;
use crate::config::{Files, LogSettings, RouteSettings, Settings, UpstreamSettings};
use crate::finding::{Area, Check, Findings, Severity};
use crate::identity::San;
use crate::identity::client_cert_inventory::ClientCertInventory;
use crate::identity::time::unix_seconds;
use crate::limits::{ClientLimits, ConnectionLimiter};
use crate::live::Live;
use crate::pipeline::{AuditLog, Backend, DeliveryFailures, RequestSettings, Snapshot, Upstream};
use crate::pki::Ca;
use crate::platform::memory;
use crate::platform::sandbox::Sandbox;
use crate::platform::systemd::{self, SystemdWatchdog};
use crate::platform::{Control, open_files};
use crate::reload::watch::Watch;
use crate::route::{Route, Routes};
use crate::server::{ConnectionHandler, RejectedConnections, UnusedConnections, unadmitted};
use crate::shutdown::{Drain, Tasks};
use crate::telemetry::emit;
use crate::telemetry::logging::Log;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::recent::Recent;
use crate::tls::{Acceptor, HandshakeSettings};
use crate::upstream::{Client, Connector, MisconfigurationLog, Target, Timeouts};
use crate::{admin, checks};

/// What came of reading the settings and all files.
#[derive(Debug)]
pub struct Reading {
    /// The files, as they were just before.
    pub files: Files,
    /// clawgate they make, or what is wrong, for people.
    pub app: Result<App, String>,
}

/// Reads everything anew.
pub type Reread = dyn Fn() -> Reading + Send + Sync;

/// The number of the settings that clawgate started with.
const FIRST_GENERATION: u64 = 1;

/// How a gate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Told to stop, and drained.
    Drained,
    /// Told to stop twice.
    AtOnce,
}

/// A gate whose settings, files and upstreams have been checked.
#[derive(Debug)]
pub struct App {
    settings: Settings,
    acceptor: Arc<Acceptor>,
    upstreams: Vec<Prepared>,
}

/// What the workers' clients of one upstream have in common.
#[derive(Debug)]
struct Prepared {
    settings: UpstreamSettings,
    connector: Option<Connector>,
    complaints: Arc<MisconfigurationLog>,
}

/// An upstream of one worker, kept over reloads that do not change it.
#[derive(Debug)]
struct Kept {
    settings: UpstreamSettings,
    upstream: Arc<Upstream>,
}

/// A running worker, as far as the control runtime goes.
struct Running {
    live: Arc<Live<Snapshot>>,
    kept: Vec<Kept>,
    /// Gets the number of tasks that did not end in time.
    ended: oneshot::Receiver<usize>,
}

impl App {
    /// Builds everything that can fail without touching the network.
    pub fn prepare(settings: Settings) -> Result<Self, PrepareError> {
        let rules = settings.reloadable.clients_rules.clone();
        let manners = HandshakeSettings {
            timeout: settings.reloadable.handshake_timeout,
            greeting_timeout: settings.reloadable.limits.greeting_timeout,
            refuse_with: settings.reloadable.refuse_with,
            strict_sni: settings.reloadable.strict_sni,
            proxy_sources: settings.reloadable.proxy_sources.clone(),
            log_client_hello: settings.reloadable.log_client_hello,
        };
        let acceptor = Acceptor::new(
            &settings.reloadable.material,
            rules,
            settings.reloadable.tls.clone(),
            manners,
        )?;
        let mut upstreams: Vec<Prepared> = Vec::new();
        for RouteSettings { upstream, .. } in &settings.reloadable.routes {
            if upstreams.iter().all(|prepared| prepared.settings != *upstream) {
                upstreams.push(Prepared::new(upstream)?);
            }
        }
        Ok(Self { settings, acceptor: Arc::new(acceptor), upstreams })
    }

    /// What would run, for people.
    pub fn summary(&self) -> String {
        self.settings.summary()
    }

    /// What is to be known of the settings and files, as of `now`, without the network. `server_cas`: roots that
    /// clients have, beside those in the settings and those of this system.
    pub fn findings(&self, server_cas: &[CertificateDer<'static>], now: SystemTime) -> Findings {
        let mut roots = Roots::of(&self.settings.reloadable.material.trust).with_system();
        roots.add(server_cas.iter().filter_map(Ca::read));
        Findings { findings: checks::findings(&self.settings, &roots, &[], unix_seconds(now)) }
    }

    /// What it was made from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is to be logged, and how.
    pub fn log(&self) -> &LogSettings {
        &self.settings.startup.log
    }

    /// Binds all addresses, serves until told to stop, drains.
    ///
    /// `reread` reads everything anew: when one of `files`, which this gate was read from, changes, and
    /// whenever that is asked for. The thread of `log` is started once the sandbox holds.
    pub fn run(
        self,
        control: Control,
        files: Files,
        reread: Arc<Reread>,
        log: &Log,
    ) -> Result<Ending, RunError> {
        let Control { runtime: control, hangup } = control;
        let started = Instant::now();
        let sockets = Sockets::open(&self.settings.startup)?;
        // Before any thread is started: what it gives up is given up for those.
        let sandbox = Sandbox::enter(&self.settings, &files);
        log.start();
        memory::give_back();
        let mut guard = SystemdWatchdog::new();
        let mut metrics = Metrics::new();
        let spans = trace_export::start(self.settings.startup.trace.as_ref(), &mut metrics);
        let metrics = Arc::new(metrics);
        let fold = self.settings.startup.log.repeat_window.is_some();
        let recent = Arc::new(Recent::default());
        let seen = Arc::new(ClientCertInventory::default());
        let refusals =
            RejectedConnections::new(Arc::clone(&metrics), fold, Arc::clone(&recent), Arc::clone(&seen));
        let refusals = Arc::new(refusals);
        let objections = Arc::new(AuditLog::new(Arc::clone(&metrics), fold));
        let unused = Arc::new(UnusedConnections::new(fold));
        let failures = Arc::new(DeliveryFailures::new(fold));
        let sum_up = {
            let (refusals, objections) = (Arc::clone(&refusals), Arc::clone(&objections));
            let (unused, failures) = (Arc::clone(&unused), Arc::clone(&failures));
            Arc::new(move || {
                refusals.sum_up();
                objections.sum_up();
                unused.sum_up();
                failures.sum_up();
            })
        };
        let limits = self.settings.startup.limits;
        let room = open_files::raise_limit()
            .map_or(usize::MAX, |files| open_files::room_for_clients(&self.settings.reloadable, files));
        let connection_limiter = ConnectionLimiter::new(
            limits.connections.min(room),
            limits.connections_per_source,
            limits.handshake_rate,
        );
        let (handshakes, http_refusals) =
            (unadmitted::handshakes(&limits), unadmitted::http_refusals(&limits));
        let client_limits = ClientLimits::default();
        let drain = Drain::default();
        control.block_on(async {
            let (asks, requests) = mpsc::channel(1);
            let watch = self.settings.startup.watch.then(|| watch(files));
            let orders = ControlEvents::new(hangup, requests, watch).map_err(RunError::Start)?;
            let tasks = Tasks::default();
            let (admin, status) = match sockets.admin {
                Some(listener) => {
                    let address = listener.address().map_err(RunError::Start)?;
                    let started = &self.settings.in_use;
                    let facts = GenerationStatus::new(&self.settings, started, FIRST_GENERATION);
                    let status = Status::new(facts, Arc::clone(&metrics), drain.clone(), asks, recent);
                    let status = Arc::new(status);
                    let serving =
                        admin::serve(listener, Arc::clone(&status)).map_err(RunError::Start)?;
                    tasks.spawn(serving);
                    (Some(address), Some(status))
                }
                None => (None, None),
            };
            let mut workers = Vec::new();
            for (number, listeners) in sockets.workers.into_iter().enumerate() {
                let (generation, kept) = self.generation(FIRST_GENERATION, &[], &metrics);
                let live = Arc::new(Live::new(generation));
                let reception = ConnectionHandler {
                    live: Arc::clone(&live),
                    metrics: Arc::clone(&metrics),
                    rejected: Arc::clone(&refusals),
                    audit_log: Arc::clone(&objections),
                    unused: Arc::clone(&unused),
                    delivery_failures: Arc::clone(&failures),
                    connection_limiter: connection_limiter.clone(),
                    handshakes: handshakes.clone(),
                    http_refusals: http_refusals.clone(),
                    client_limits: client_limits.clone(),
                    idle_timeout: self.settings.startup.limits.idle_timeout,
                    max_age: self.settings.startup.limits.connection_age,
                    drain: drain.clone(),
                    cert_inventory: Arc::clone(&seen),
                    spans: spans.clone(),
                };
                let runtime =
                    Builder::new_current_thread().enable_all().build().map_err(RunError::Start)?;
                let drain_timeout = self.settings.startup.drain_timeout;
                let pulse = guard.pulse();
                let worker =
                    Worker { number, runtime, reception: Arc::new(reception), drain_timeout, pulse };
                let ended = worker.start(listeners).map_err(RunError::Start)?;
                workers.push(Running { live, kept, ended });
            }
            config_metrics::in_use(&self.settings.reloadable, &metrics);
            self.log_warnings();
            self.log_openness();
            if room < limits.connections {
                log_little_room(room, limits.connections);
            }
            let addresses = (sockets.addresses.as_slice(), sockets.proxy_addresses.as_slice());
            let started_with = Started::new(&self.settings, addresses, sockets.passed, admin);
            emit(Level::INFO, "started", &started_with);
            systemd::ready(&started_with.listen);
            tasks.spawn(guard.watch());
            if let Some(window) = self.settings.startup.log.repeat_window {
                let sum_up = Arc::clone(&sum_up);
                tasks.spawn(async move {
                    loop {
                        sleep(window).await;
                        sum_up();
                    }
                });
            }
            let (workers, ended) =
                workers.into_iter().map(|worker| ((worker.live, worker.kept), worker.ended)).unzip();
            let serving = Serving {
                started: self.settings.in_use.clone(),
                app: self,
                number: FIRST_GENERATION,
                workers,
                metrics: &metrics,
                drain: &drain,
                status: status.as_deref(),
                reread,
                seen,
                notices: Notices::default(),
                sandbox,
            };
            let ending = serving.until_stopped(orders, ended).await?;
            if ending.0 == Ending::Drained {
                trace_export::finish(spans.as_ref());
            }
            sum_up();
            emit(Level::INFO, "stopped", &Stopped::new(started, ending.1));
            Ok(ending.0)
        })
    }

    /// What one worker serves with. Upstreams whose settings are those of one in `kept` stay, with
    /// their connections.
    fn generation(&self, number: u64, kept: &[Kept], metrics: &Metrics) -> (Snapshot, Vec<Kept>) {
        let workers = self.settings.startup.workers.get();
        let keep = |prepared: &Prepared| {
            let same = kept.iter().find(|kept| kept.settings == prepared.settings);
            let upstream = same.map_or_else(
                || Arc::new(prepared.upstream(workers, metrics)),
                |kept| Arc::clone(&kept.upstream),
            );
            Kept { settings: prepared.settings.clone(), upstream }
        };
        let kept: Vec<_> = self.upstreams.iter().map(keep).collect();
        let route = |settings: &RouteSettings| {
            // `prepare` has put every route's upstream into the list.
            let same = kept.iter().find(|kept| kept.settings == settings.upstream)?;
            Some(Route {
                path: settings.path.clone(),
                methods: settings.methods.clone(),
                rules: settings.rules.clone(),
                max_body: settings.max_body,
                upstream: Arc::clone(&same.upstream),
                metrics: metrics.route(&settings.path.to_string()),
            })
        };
        let names = self.settings.reloadable.material.server_names();
        let dns = names.iter().filter_map(|name| match name {
            San::Dns(name) => Some(name.as_str()),
            _ => None,
        });
        let requests = RequestSettings {
            routes: Routes::new(self.settings.reloadable.routes.iter().filter_map(route).collect()),
            limits: self.settings.reloadable.limits,
            largest_body: self
                .settings
                .reloadable
                .routes
                .iter()
                .map(|route| route.max_body)
                .max()
                .unwrap_or(0),
            log_one_in: self.settings.reloadable.log_sample_2xx,
            several_names: dns.clone().count() > 1 || dns.clone().any(|name| name.starts_with("*.")),
        };
        let (acceptor, revoke) = (Arc::clone(&self.acceptor), self.settings.reloadable.revoke);
        (Snapshot { number, acceptor, revoke, requests }, kept)
    }

    /// Said once: it may be meant.
    fn log_openness(&self) {
        let has_ca = !self.settings.reloadable.material.trust.cas.is_empty();
        if self.settings.reloadable.clients_rules.is_empty() && has_ca {
            let detail = "no allow rule: any certificate of the client CAs is admitted";
            let hint = "name the clients with --allow (e.g. --allow cn=meeting-notes) if the CA has other certificates";
            emit(Level::INFO, "settings_warning", &Warning { origin: "clients.allow", detail, hint });
        }
    }

    fn log_warnings(&self) {
        // The roots of this system are out of reach of the sandbox, and a matter of clients.
        let roots = Roots::of(&self.settings.reloadable.material.trust);
        let found = checks::findings(&self.settings, &roots, &[], unix_seconds(SystemTime::now()));
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
}

/// Said at the start, when it can still be mended before anybody is refused.
fn log_little_room(room: usize, wanted: usize) {
    let detail = format!("the limit of open files leaves room for {room} connections, not {wanted}");
    let hint = "raise the limit (ulimit -Hn, LimitNOFILE=), or lower limits.connections";
    let warning = Warning { origin: "limits.connections", detail: &detail, hint };
    emit(Level::WARN, "settings_warning", &warning);
}

fn watch(files: Files) -> Watch {
    let (watch, outcome) = Watch::new(files);
    if let Err(error) = outcome {
        emit(Level::WARN, "watch_failed", &WatchFailed::new(&error));
    }
    watch
}

impl Prepared {
    fn new(settings: &UpstreamSettings) -> Result<Self, PrepareError> {
        let connector = match &settings.target {
            Target::Echo => None,
            target => Some(
                Connector::new(target.clone(), settings.secure.as_ref())
                    .map_err(|error| PrepareError::Upstream(target.clone(), error))?,
            ),
        };
        let token = settings.token.is_some().then(|| settings.token_origin.clone());
        let complaints = Arc::new(MisconfigurationLog::new(settings.target.to_string(), token));
        Ok(Self { settings: settings.clone(), connector, complaints })
    }

    /// The upstream as one worker uses it, with a pool of its own.
    /// With `workers` of them, each has its part of the slots and of the queue.
    fn upstream(&self, workers: usize, metrics: &Metrics) -> Upstream {
        let settings = &self.settings;
        let [at_once, queue] =
            [settings.connections, settings.queue].map(|count| count.div_ceil(workers));
        let timeouts = Timeouts {
            connect: settings.connect_timeout,
            response: settings.response_timeout,
            idle: settings.idle_timeout,
        };
        Upstream {
            name: settings.target.to_string().into(),
            backend: match &self.connector {
                Some(connector) => Backend::Client(Client::new(
                    connector.clone(),
                    timeouts,
                    at_once,
                    queue,
                    metrics.upstream(&settings.target.to_string()),
                )),
                None => Backend::Echo,
            },
            authorization: settings.token.as_ref().map(|token| token.authorization().clone()),
            forwarding: settings.telling,
            misconfiguration_log: Arc::clone(&self.complaints),
            idle_timeout: settings.idle_timeout,
        }
    }
}
