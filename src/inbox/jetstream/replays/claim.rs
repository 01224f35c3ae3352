//! The claim of one request, and where all instances remember them.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::timeout;

use super::protocol::Taken;
use super::record::subject;
use super::session::start;
use super::shared::{BOUND, Settlement, Shared, Written, millis};
use crate::inbox::jetstream::link::Fault;
use crate::inbox::jetstream::open_error::JetStreamOpenError;
use crate::inbox::jetstream::thread::Thread;
use crate::inbox::settings::nats::JetStreamSettings;
use crate::signature::shared_replays::{
    HeldClaim, SharedClaim, SharedFuture, SharedReplays, SharedRequest,
};
use crate::telemetry::metrics::ReplayMetrics;

/// Delivered requests in a stream of NATS JetStream, which several instances share.
#[derive(Debug)]
pub struct JetStreamReplays {
    shared: Arc<Shared>,
    thread: Mutex<Option<Thread>>,
}

/// A claimed request.
#[derive(Debug)]
struct Held {
    shared: Arc<Shared>,
    window: u64,
    /// What is to be written; `None`: nothing any more.
    settlement: Option<Settlement>,
}

impl JetStreamReplays {
    /// Connects in the background. As long as NATS cannot be reached, each request counts as new.
    ///
    /// # Errors
    /// When a file that the settings name cannot be used, or the system has no thread.
    pub fn open(
        settings: &JetStreamSettings,
        metrics: ReplayMetrics,
    ) -> Result<Self, JetStreamOpenError> {
        let (thread, shared) = start(settings, metrics)?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    async fn claim(&self, request: SharedRequest) -> SharedClaim {
        let (window, longest) = (millis(request.window), millis(request.longest));
        self.shared.remember_for(window);
        let subject = subject(&self.shared.name, &request);
        let claim = self.shared.next_claim();
        let is_shared = self.shared.is_shared().await;
        let written = if is_shared { Written::Unknown } else { Written::No };
        let settlement = Settlement { subject, claim, written, delivered: None };
        let mut held =
            Held { shared: Arc::clone(&self.shared), window, settlement: Some(settlement.clone()) };
        if is_shared {
            let taken = self.shared.take(&settlement.subject, &settlement.claim, longest);
            match timeout(BOUND, taken).await {
                Ok(Ok(Taken::New(sequence))) => {
                    held.settlement = Some(Settlement { written: Written::Yes(sequence), ..settlement });
                }
                Ok(Ok(Taken::Duplicate)) => {
                    held.settlement = None;
                    return SharedClaim::Duplicate;
                }
                Ok(Ok(Taken::InProgress)) => {
                    held.settlement = None;
                    return SharedClaim::InProgress;
                }
                failed => self.shared.lost(&why(failed.map(|failed| failed.map(drop)))),
            }
        }
        SharedClaim::New(Box::new(held))
    }
}

impl SharedReplays for JetStreamReplays {
    fn claim(&self, request: SharedRequest) -> SharedFuture<'_, SharedClaim> {
        Box::pin(self.claim(request))
    }

    fn finish(&self) {
        drop(self.thread.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl HeldClaim for Held {
    fn confirm(mut self: Box<Self>) -> SharedFuture<'static, ()> {
        let delivered = Some(self.window);
        self.settlement = self.settlement.take().map(|held| Settlement { delivered, ..held });
        Box::pin(async move {
            let Some(settlement) = &self.settlement else { return };
            if !self.shared.is_shared().await {
                return;
            }
            match timeout(BOUND, self.shared.settle(settlement)).await {
                Ok(Ok(())) => self.settlement = None,
                failed => self.shared.lost(&why(failed)),
            }
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(settlement) = self.settlement.take()
            && (settlement.written != Written::No || settlement.delivered.is_some())
        {
            self.shared.write_later(settlement);
        }
    }
}

/// Why NATS has not done what it was asked for.
fn why<E>(failed: Result<Result<(), Fault>, E>) -> String {
    match failed {
        Ok(Err(Fault::Unavailable(why) | Fault::Full(why))) => why,
        _ => "NATS has not answered within a second".to_owned(),
    }
}
