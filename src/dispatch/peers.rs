//! Listens to the other instances with the same store, and tells them what is paused.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::log;
use super::peer_message::{PeerMessage, Unread};
use super::shared::{Shared, Shown};
use crate::telemetry::LogThrottle;
use crate::telemetry::metrics::InboxMetrics;

/// How often the instance that delivers tells that it does.
const PERIOD: Duration = Duration::from_secs(2);
/// The shortest time between two lines about messages that cannot be read.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// Listens to the messages of `told`, if there can be other instances, and tells them what is paused while this one delivers. Never ends.
pub(super) async fn listen(
    told: Option<mpsc::Receiver<Bytes>>,
    shared: Arc<Shared>,
    metrics: Arc<InboxMetrics>,
) {
    let Some(mut told) = told else { return pending().await };
    let listening = Listening { shared, started: Instant::now(), throttle: LogThrottle::default() };
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            message = told.recv() => match message {
                Some(message) => listening.take(&message),
                // The store has ended.
                None => return pending().await,
            },
            () = listening.shared.shown_changed.notified() => listening.shared.tell_state(),
            _ = ticks.tick() => {
                listening.shared.forget_silent(Instant::now().into());
                listening.shared.tell_state();
            }
        }
        metrics.deliverer_known(listening.shared.deliverer().is_some());
    }
}

/// What listens.
struct Listening {
    shared: Arc<Shared>,
    started: Instant,
    throttle: LogThrottle,
}

impl Listening {
    fn take(&self, message: &[u8]) {
        match PeerMessage::read(message) {
            Ok(PeerMessage::State(state)) => {
                let (instance, state, paused) = state.into_parts();
                let shown = Shown { state, paused: paused.into_iter().collect() };
                self.shared.deliverer_told(instance, shown);
            }
            Ok(PeerMessage::Answered(answered)) => match answered.into_answer() {
                Ok((id, answer)) => self.shared.answer_told(id, answer),
                Err(unread) => self.ignored(&unread),
            },
            Ok(PeerMessage::Resume(paused)) if self.shared.delivers() => self.shared.resume(paused),
            Ok(PeerMessage::Resume(_)) => {}
            Err(unread) => self.ignored(&unread),
        }
    }

    /// An instance of another version is usual during an update.
    fn ignored(&self, unread: &Unread) {
        if let Unread::Malformed(why) = unread
            && self.throttle.pass(self.started.elapsed(), BETWEEN_LINES).is_some()
        {
            log::peer_message_ignored(why);
        }
    }
}
