//! What clawgate is told while it runs: by signals, over the admin listener, and by its files.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::Level;

use super::events::WatchFailed;
use crate::admin::ReloadRequest;
use crate::config::Files;
use crate::reload::watch::Watch;
use crate::telemetry::emit;

/// All the ways to tell clawgate something.
pub(super) struct ControlEvents {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    power: Signal,
    hangup: Signal,
    requests: mpsc::Receiver<ReloadRequest>,
    watch: Option<Watch>,
}

/// One order, with where it came from.
pub(super) enum ControlEvent {
    Stop(&'static str),
    /// With somebody who waits for the outcome, perhaps.
    Reload(&'static str, Option<ReloadRequest>),
}

impl ControlEvents {
    /// Without a `watch`, changed files are no order. The signals to stop are taken from here on: before, they end
    /// the process at once, which serves nobody yet.
    pub(crate) fn new(
        hangup: Signal,
        requests: mpsc::Receiver<ReloadRequest>,
        watch: Option<Watch>,
    ) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            power: signal(SignalKind::from_raw(rustix::process::Signal::POWER.as_raw()))?,
            hangup,
            requests,
            watch,
        })
    }

    pub(super) async fn next(&mut self) -> ControlEvent {
        tokio::select! {
            _ = self.terminate.recv() => ControlEvent::Stop("SIGTERM"),
            _ = self.interrupt.recv() => ControlEvent::Stop("SIGINT"),
            _ = self.quit.recv() => ControlEvent::Stop("SIGQUIT"),
            _ = self.power.recv() => ControlEvent::Stop("SIGPWR"),
            _ = self.hangup.recv() => ControlEvent::Reload("SIGHUP", None),
            Some(request) = self.requests.recv() => ControlEvent::Reload("POST /reload", Some(request)),
            () = changed(&mut self.watch) => ControlEvent::Reload("changed files", None),
        }
    }

    /// Takes orders from the files that were read last.
    pub(crate) fn follow(&mut self, files: Files) {
        if let Some(watch) = &mut self.watch
            && let Err(error) = watch.follow(files)
        {
            emit(Level::WARN, "watch_failed", &WatchFailed::new(&error));
        }
    }
}

async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
