//! What the gate is told while it runs: by signals, and over the admin listener.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::admin::ReloadRequest;

/// All the ways to tell the gate something.
pub(super) struct Orders {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    requests: mpsc::Receiver<ReloadRequest>,
}

/// One order, with where it came from.
pub(super) enum Order {
    Stop(&'static str),
    /// With somebody who waits for the outcome, perhaps.
    Reload(&'static str, Option<ReloadRequest>),
}

impl Orders {
    pub(super) fn new(requests: mpsc::Receiver<ReloadRequest>) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            requests,
        })
    }

    pub(super) async fn next(&mut self) -> Order {
        tokio::select! {
            _ = self.terminate.recv() => Order::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Order::Stop("SIGINT"),
            _ = self.hangup.recv() => Order::Reload("SIGHUP", None),
            Some(request) = self.requests.recv() => Order::Reload("POST /reload", Some(request)),
        }
    }
}
