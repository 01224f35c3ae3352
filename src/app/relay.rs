//! The relay of a running clawgate: its thread, which serves its listener and sends the events of callers that wait.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::shared::Shared;
use crate::pipeline::{Inbox, Relay, SendNow, WaitingCalls};
use crate::platform::plain_listener::Bound;
use crate::reload::RelayGeneration;
use crate::server::relay::{RelayHandler, serve};
use crate::shutdown::{Drain, Tasks};
use crate::wording;

/// More than the thread needs to end after its tasks have.
const MARGIN: Duration = Duration::from_secs(1);

/// The relay of a running clawgate.
pub(super) struct RunningRelay {
    pub(super) relay: Arc<Relay>,
    drain_timeout: Duration,
    /// Ends the thread.
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<usize>,
}

/// Starts the thread. It serves the listener that `bound` is of, if there is one.
pub(super) fn start(
    bound: Option<Bound>,
    generation: &RelayGeneration,
    inbox: Option<Arc<Inbox>>,
    shared: &Shared,
    drain_timeout: Duration,
) -> io::Result<RunningRelay> {
    let (send_now, calls) = SendNow::new();
    let relay = Arc::new(Relay { live: generation.live(), inbox, send_now });
    let handler = bound.map(|bound| (bound, shared.relay_handler(Arc::clone(&relay))));
    let (stop, stopped) = oneshot::channel();
    let (ending, ended) = oneshot::channel();
    let thread = RelayThread {
        calls,
        relay: Arc::clone(&relay),
        drain: shared.drain.clone(),
        drain_timeout,
        stopped,
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("relay".to_owned()).spawn(move || {
        let forced = runtime.block_on(thread.run(handler));
        // Nobody waits any more if clawgate ends at once.
        let _ = ending.send(forced);
    })?;
    Ok(RunningRelay { relay, drain_timeout, stop, ended })
}

struct RelayThread {
    calls: WaitingCalls,
    relay: Arc<Relay>,
    drain: Drain,
    drain_timeout: Duration,
    stopped: oneshot::Receiver<()>,
}

impl RelayThread {
    /// Returns how many tasks did not end in time.
    async fn run(self, handler: Option<(Bound, RelayHandler)>) -> usize {
        let Self { calls, relay, drain, drain_timeout, stopped } = self;
        let tasks = Tasks::default();
        if let Some((bound, handler)) = handler {
            match serve(bound, handler, tasks.clone()) {
                Ok(listener) => tasks.spawn(listener),
                Err(error) => {
                    tracing::error!(error = wording::io(&error), "the relay could not use its socket");
                }
            }
        }
        let calls = calls.run(Arc::clone(&relay.live), tasks.clone());
        let drained = async {
            drain.begun().await;
            let deadline = Instant::now() + drain_timeout;
            // The workers hand over their requests until they have ended.
            let _ = stopped.await;
            tasks.finish(deadline.saturating_duration_since(Instant::now())).await
        };
        tokio::select! {
            forced = drained => forced,
            // `relay` hands over, too, so that this never ends.
            () = calls => 0,
        }
    }
}

impl RunningRelay {
    /// Waits until the requests in progress have ended, after the workers have. Returns how many did not in time.
    pub(super) async fn finish(self) -> usize {
        let _ = self.stop.send(());
        let forced = timeout(self.drain_timeout + MARGIN, self.ended).await;
        forced.ok().and_then(Result::ok).unwrap_or_default()
    }
}
