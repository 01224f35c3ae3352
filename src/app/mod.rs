//! From checked settings to running workers, and to their end.
//!
//! Each worker is a thread with its own runtime, listening sockets, connections and upstream pools. Workers share only
//! counters, limits and logs: `Shared`. The main thread runs the control runtime: signals, the admin listener, reloads
//! and draining.

mod checks;
mod control;
mod control_events;
mod errors;
mod events;
mod inbox;
mod relay;
mod replays;
mod shared;
mod sockets;
mod trace_export;
mod worker;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tracing::Level;

pub use self::control::Ending;
pub use self::errors::RunError;

use self::control::ControlLoop;
use self::control_events::ControlEvents;
use self::events::{Started, Stopped, log_few_connections, log_without_allow_rules};
use self::shared::Shared;
use self::sockets::Sockets;
use self::worker::Worker;
use crate::admin::{self, Console, GenerationStatus, ReloadRequest, Status};
use crate::config::{AdminAddress, Files};
use crate::pipeline::{Inbox, Relay};
use crate::platform::plain_listener::Bound;
use crate::platform::sandbox::Sandbox;
use crate::platform::systemd::{self, SystemdWatchdog};
use crate::platform::{Control, memory};
use crate::reload::{
    DispatchGeneration, FIRST_GENERATION, Prepared, RelayGeneration, Reloader, Source, Watch,
    WorkerGeneration,
};
use crate::server::listener::ListenSocket;
use crate::shutdown::Tasks;
use crate::telemetry::emit;
use crate::telemetry::logging::Log;

/// clawgate with checked settings, ready to run.
#[derive(Debug)]
pub struct App {
    /// The settings, with what was built from them.
    pub prepared: Prepared,
    /// The files that they were read from. When one changes, they are read again.
    pub files: Files,
    /// Reads the settings again.
    pub source: Arc<Source>,
}

/// The admin listener, if there is one.
#[derive(Default)]
struct Admin {
    address: Option<AdminAddress>,
    status: Option<Arc<Status>>,
}

/// All running workers.
#[derive(Default)]
struct Workers {
    generations: Vec<WorkerGeneration>,
    /// Each gets the number of tasks that did not end in time.
    ended: Vec<oneshot::Receiver<usize>>,
}

impl App {
    /// Binds all addresses, serves until a signal to stop, and drains. The thread of `log` is started in the sandbox.
    pub fn run(self, control: Control, log: &Log) -> Result<Ending, RunError> {
        let Control { runtime, hangup } = control;
        let Self { prepared, files, source } = self;
        let started = Instant::now();
        let startup = prepared.settings().startup.clone();
        let mut sockets = Sockets::open(&startup)?;
        // Before other threads are started, since they inherit its restrictions.
        let sandbox = Sandbox::enter(prepared.settings(), &files);
        log.start();
        memory::give_back();
        let shared = Shared::new(prepared.settings());
        runtime.block_on(async {
            let (reload_requests, requests) = mpsc::channel(1);
            let watch = startup.watch.then(|| Watch::new(files));
            let events = ControlEvents::new(hangup, requests, watch).map_err(RunError::Start)?;
            let tasks = Tasks::default();
            let checks = checks::from_within(Arc::clone(&source));
            let console = |edit| {
                Console::new(Arc::clone(&shared.unsigned), Arc::clone(&shared.seen), edit, checks)
            };
            let console = console(startup.edit_denylist).map_err(RunError::Start)?;
            let admin = Starting { prepared: &prepared, shared: &shared, reload_requests, console };
            let admin = admin.start(sockets.admin.take(), &tasks).map_err(RunError::Start)?;
            let mut watchdog = SystemdWatchdog::new();
            let listeners = std::mem::take(&mut sockets.workers);
            // Before the first generation is made, which then shares them.
            let share_replays = |nats: &Arc<_>| replays::start(nats, &prepared, &shared);
            let replays = startup.shared_replays.as_ref().and_then(share_replays);
            let dispatch = DispatchGeneration::first(&prepared, &shared.metrics);
            let start_inbox = |settings| inbox::start(settings, &dispatch, &shared);
            let inbox = startup.inbox.as_ref().map(start_inbox).transpose().map_err(RunError::Start)?;
            let stored = inbox.as_ref().map(|running| Arc::clone(&running.inbox));
            let relayed = RelayGeneration::first(&prepared, &shared.metrics);
            let has_relay = sockets.relay.is_some() || !prepared.targets().is_empty();
            let relay_address = sockets.relay.as_ref().map(Bound::address).transpose();
            let relay_address = relay_address.map_err(RunError::Start)?;
            let start_relay = || {
                let (bound, inbox) = (sockets.relay.take(), stored.clone());
                relay::start(bound, &relayed, inbox, &shared, startup.drain_timeout)
            };
            let relay = has_relay.then(start_relay).transpose().map_err(RunError::Start)?;
            let passed_on = relay.as_ref().map(|running| Arc::clone(&running.relay));
            if let (Some(running), Some(status)) = (&inbox, &admin.status) {
                tasks.spawn(running.show(status));
            }
            if let (Some(relay), Some(status)) = (&passed_on, &admin.status) {
                status.show_relay(Arc::clone(&relay.live));
            }
            let Workers { generations, ended } =
                start_workers(listeners, &prepared, &shared, (stored, passed_on), &mut watchdog)
                    .map_err(RunError::Start)?;
            let metrics = Arc::clone(&shared.metrics);
            let status = admin.status.clone();
            let reloader = Reloader::new(
                source,
                sandbox,
                prepared,
                (generations, dispatch, relayed),
                metrics,
                status,
            );
            let settings = reloader.settings();
            log_without_allow_rules(settings);
            log_few_connections(settings, shared.connection_capacity);
            let event = Started::new(settings, &sockets, (admin.address, relay_address));
            emit(Level::INFO, "started", &event);
            systemd::ready(event.listen());
            tasks.spawn(watchdog.watch());
            if let Some(window) = startup.log.repeat_window {
                tasks.spawn(shared.repeated.clone().log_summaries_every(window));
            }
            let control = ControlLoop::new(reloader, &shared, admin.status);
            let (ending, mut forced) = control.run(events, ended).await?;
            if ending == Ending::Drained {
                if let Some(relay) = relay {
                    forced += relay.finish().await;
                }
                if let Some(inbox) = inbox {
                    inbox.finish(startup.drain_timeout).await;
                }
                trace_export::finish(shared.spans.as_ref());
            }
            drop(replays);
            shared.repeated.log_summaries();
            emit(Level::INFO, "stopped", &Stopped::new(started, forced));
            Ok(ending)
        })
    }
}

/// What the admin listener needs.
struct Starting<'a> {
    prepared: &'a Prepared,
    shared: &'a Shared,
    reload_requests: mpsc::Sender<ReloadRequest>,
    console: Console,
}

impl Starting<'_> {
    /// Starts to serve the admin listener, if there is one.
    fn start(self, bound: Option<Bound>, tasks: &Tasks) -> io::Result<Admin> {
        let Some(bound) = bound else { return Ok(Admin::default()) };
        let Self { prepared, shared, reload_requests, console } = self;
        let address = bound.address()?;
        let settings = prepared.settings();
        let generation = GenerationStatus::new(settings, &settings.in_use, FIRST_GENERATION);
        let (metrics, drain) = (Arc::clone(&shared.metrics), shared.drain.clone());
        let refusals = Arc::clone(&shared.recent);
        let status = Status::new(generation, metrics, drain, reload_requests, refusals, console);
        let status = Arc::new(status);
        tasks.spawn(admin::serve(bound, Arc::clone(&status))?);
        Ok(Admin { address: Some(address), status: Some(status) })
    }
}

/// Starts one worker for each list of sockets.
fn start_workers(
    sockets: Vec<Vec<ListenSocket>>,
    prepared: &Prepared,
    shared: &Shared,
    (inbox, relay): (Option<Arc<Inbox>>, Option<Arc<Relay>>),
    watchdog: &mut SystemdWatchdog,
) -> io::Result<Workers> {
    let startup = &prepared.settings().startup;
    let handler = shared.handlers(startup, inbox, relay);
    let mut workers = Workers::default();
    for (number, sockets) in sockets.into_iter().enumerate() {
        let generation = WorkerGeneration::first(prepared, &shared.metrics);
        let handler = handler(generation.live());
        let worker = Worker::new(number, handler, startup.drain_timeout, watchdog.heartbeat())?;
        workers.ended.push(worker.start(sockets)?);
        workers.generations.push(generation);
    }
    Ok(workers)
}
