//! Worker threads.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::platform::systemd::Heartbeat;
use crate::random::random_hex;
use crate::server::listener::{ConnectionIds, ListenSocket};
use crate::server::{ConnectionHandler, listener};
use crate::shutdown::Tasks;
use crate::wording;

/// One worker, ready to start.
pub(super) struct Worker {
    number: usize,
    runtime: Runtime,
    handler: Arc<ConnectionHandler>,
    drain_timeout: Duration,
    /// Shows the watchdog that this worker is not stuck.
    heartbeat: Heartbeat,
}

impl Worker {
    pub(super) fn new(
        number: usize,
        handler: ConnectionHandler,
        drain_timeout: Duration,
        heartbeat: Heartbeat,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { number, runtime, handler: Arc::new(handler), drain_timeout, heartbeat })
    }

    /// Starts its thread. The receiver gets the number of tasks that did not end in time.
    pub(super) fn start(self, sockets: Vec<ListenSocket>) -> io::Result<oneshot::Receiver<usize>> {
        let (done, receiver) = oneshot::channel();
        let name = format!("worker-{}", self.number);
        thread::Builder::new().name(name).spawn(move || match self.serve(sockets) {
            Ok(forced) => drop(done.send(forced)),
            Err(error) => {
                tracing::error!(error = wording::io(&error), "a worker could not use its socket");
            }
        })?;
        Ok(receiver)
    }

    fn serve(self, sockets: Vec<ListenSocket>) -> io::Result<usize> {
        let prefix = format!("{}{:x}-", random_hex::<3>()?, self.number);
        let ids = Arc::new(ConnectionIds::new(prefix));
        self.runtime.block_on(async {
            let tasks = Tasks::default();
            for socket in sockets {
                let handler = Arc::clone(&self.handler);
                tasks.spawn(listener::run(socket, handler, tasks.clone(), Arc::clone(&ids)));
            }
            let drained = async {
                self.handler.drain.begun().await;
                tasks.finish(self.drain_timeout).await
            };
            tokio::select! {
                forced = drained => Ok(forced),
                never = self.heartbeat.beat() => match never {},
            }
        })
        // Dropping the runtime ends the tasks that are left.
    }
}
