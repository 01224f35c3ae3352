//! A thread on which a connection lives.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::watch;

use super::open_error::JetStreamOpenError;

/// Tells what the thread has started with, or why it cannot.
pub(super) type Started<T> = mpsc::Sender<Result<T, JetStreamOpenError>>;

/// The thread. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Thread {
    ended: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    /// Starts it. `run` tells first what it has started with, which is returned. It is to end when the receiver that it gets says that its
    /// sender was dropped.
    ///
    /// # Errors
    /// What `run` tells, or that the system has no thread.
    pub(super) fn start<T, F, R>(name: &str, run: R) -> Result<(Self, T), JetStreamOpenError>
    where
        T: Send + 'static,
        F: Future<Output = ()>,
        R: FnOnce(Started<T>, watch::Receiver<()>) -> F + Send + 'static,
    {
        let (started, start) = mpsc::channel();
        let (ended, end) = watch::channel(());
        let body = move || match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(run(started, end)),
            Err(error) => {
                let _ = started.send(Err(JetStreamOpenError::Start(error.to_string())));
            }
        };
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map_err(|error| JetStreamOpenError::Start(error.to_string()))?;
        let started_with = start
            .recv()
            .unwrap_or_else(|_| Err(JetStreamOpenError::Start("it has ended".to_owned())))?;
        Ok((Self { ended: Some(ended), thread: Some(thread) }, started_with))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.ended = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
