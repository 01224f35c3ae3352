//! What asks a running clawgate to stop or to reload: signals, the admin listener, changed files.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::admin::ReloadRequest;
use crate::config::Files;
use crate::reload::Watch;

/// All sources of control events.
pub(super) struct ControlEvents {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    power: Signal,
    hangup: Signal,
    requests: mpsc::Receiver<ReloadRequest>,
    watch: Option<Watch>,
}

/// One event, with its origin for the log.
pub(super) enum ControlEvent {
    Stop(&'static str),
    /// With the client that waits for the outcome, if there is one.
    Reload(&'static str, Option<ReloadRequest>),
}

impl ControlEvents {
    /// Handles the signals to stop from now on. Until then they end the process at once, which is safe because it
    /// serves no client yet. Without a `watch`, changed files do not lead to a reload.
    pub(super) fn new(
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

    /// Waits for the next event. May be dropped and called again.
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

    /// Watches `files` from now on, which were read last.
    pub(super) fn follow(&mut self, files: Files) {
        if let Some(watch) = &mut self.watch {
            watch.follow(files);
        }
    }
}

async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
