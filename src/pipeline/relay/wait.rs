//! Requests whose callers wait for the target's answer. The thread of the relay sends them, so that all callers share its
//! connections.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::snapshot::RelaySnapshot;
use crate::live::Live;
use crate::pipeline::refusal::RequestRefusal;
use crate::relay::client::{NotNow, Sent};
use crate::relay::target::TargetRequest;
use crate::shutdown::Tasks;

/// How much of a target's answer is passed on.
pub(super) const LARGEST_ANSWER: usize = 1024 * 1024;
/// How many requests may wait for the thread.
const QUEUE: usize = 1024;

/// Sends requests of callers that wait. Clones share the thread.
#[derive(Clone, Debug)]
pub struct SendNow(mpsc::Sender<Call>);

/// The requests of these callers, for the thread of the relay.
#[derive(Debug)]
pub struct WaitingCalls(mpsc::Receiver<Call>);

#[derive(Debug)]
struct Call {
    target: Arc<str>,
    request: TargetRequest,
    reply: oneshot::Sender<Result<Sent, RequestRefusal>>,
}

impl SendNow {
    /// Both ends.
    pub fn new() -> (Self, WaitingCalls) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), WaitingCalls(receiver))
    }

    /// Sends a request to a target.
    ///
    /// # Errors
    /// When it is not sent.
    pub(super) async fn send(
        &self,
        target: &Arc<str>,
        request: TargetRequest,
    ) -> Result<Sent, RequestRefusal> {
        let (reply, answer) = oneshot::channel();
        let call = Call { target: Arc::clone(target), request, reply };
        let ended = || RequestRefusal::TargetUnavailable { why: "clawgate is ending".to_owned() };
        self.0.send(call).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

impl WaitingCalls {
    /// Sends what callers hand over, until nobody can any more. Each request is one of `tasks`.
    pub async fn run(mut self, live: Arc<Live<RelaySnapshot>>, tasks: Tasks) {
        while let Some(Call { target, request, mut reply }) = self.0.recv().await {
            let client = live.load().named(&target).map(|target| Arc::clone(&target.client));
            let Some(client) = client else {
                let why = "a reload has removed it".to_owned();
                let _ = reply.send(Err(RequestRefusal::TargetUnavailable { why }));
                continue;
            };
            tasks.spawn(async move {
                let sent = tokio::select! {
                    sent = client.send_now(&request, LARGEST_ANSWER) => sent,
                    // The caller has left.
                    () = reply.closed() => return,
                };
                let _ = reply.send(sent.map_err(|not_now| match not_now {
                    NotNow::Busy => {
                        RequestRefusal::TargetBusy { wait: std::time::Duration::from_secs(1) }
                    }
                    NotNow::Rate(wait) => RequestRefusal::TargetBusy { wait },
                }));
            });
        }
    }
}
