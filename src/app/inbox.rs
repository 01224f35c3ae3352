//! The inbox of a running clawgate: the store, and the thread that delivers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::LocalSet;
use tokio::time::timeout;
use tracing::Level;

use super::shared::Shared;
use crate::admin::{InboxStatus, Status};
use crate::dispatch::Dispatcher;
use crate::inbox::{InboxSettings, OpenedStore, Store, StorePlace, UnavailableStore, open};
use crate::pipeline::Inbox;
use crate::reload::DispatchGeneration;
use crate::telemetry::emit;

/// The inbox of a running clawgate.
pub(super) struct RunningInbox {
    pub(super) inbox: Arc<Inbox>,
    /// The damaged database that was set aside.
    set_aside: Option<PathBuf>,
    ended: oneshot::Receiver<()>,
}

/// Opens the store and starts the thread that delivers its events to the routes of `generation`. If the store cannot be
/// opened, that is logged, events are refused, and direct routes work.
pub(super) fn start(
    settings: &InboxSettings,
    generation: &DispatchGeneration,
    shared: &Shared,
) -> io::Result<RunningInbox> {
    let metrics = shared.metrics.inbox();
    metrics.enable(settings.max_events, settings.max_bytes);
    let mut set_aside = None;
    let store: Arc<dyn Store> = match open(settings) {
        Ok(OpenedStore { store, set_aside: moved }) => {
            if let Some(damaged) = &moved {
                metrics.set_aside();
                log_set_aside(damaged);
            }
            set_aside = moved;
            store
        }
        Err(error) => {
            log_unavailable(&settings.place, &error.to_string());
            Arc::new(UnavailableStore::new(error.to_string()))
        }
    };
    let (dispatcher, deliver) = Dispatcher::new(
        Arc::clone(&store),
        generation.live(),
        Arc::clone(&metrics),
        shared.spans.clone(),
        shared.drain.clone(),
    );
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (ending, ended) = oneshot::channel();
    std::thread::Builder::new().name("dispatch".to_owned()).spawn(move || {
        LocalSet::new().block_on(&runtime, deliver);
        // Nobody waits any more if clawgate ends at once.
        let _ = ending.send(());
    })?;
    Ok(RunningInbox { inbox: Arc::new(Inbox { store, dispatcher, metrics }), set_aside, ended })
}

impl RunningInbox {
    /// Shows the inbox in `status`. The future keeps up to date what is shown, and never ends.
    pub(super) fn show(&self, status: &Status) -> impl Future<Output = ()> + Send + use<> {
        let Inbox { store, dispatcher, metrics } = &*self.inbox;
        let (store, dispatcher, metrics) = (Arc::clone(store), dispatcher.clone(), Arc::clone(metrics));
        let shown = Arc::new(InboxStatus::new(store, dispatcher, metrics, self.set_aside.clone()));
        status.show_inbox(Arc::clone(&shown));
        shown.keep_current()
    }

    /// Waits until the tries under way have ended; `deadline` at most.
    pub(super) async fn finish(self, deadline: Duration) {
        // A try that takes longer is repeated by the next process.
        let _ = timeout(deadline, self.ended).await;
    }
}

#[derive(Serialize)]
struct SetAside<'a> {
    file: String,
    detail: &'a str,
    hint: String,
}

fn log_set_aside(damaged: &Path) {
    let line = SetAside {
        file: damaged.display().to_string(),
        detail: "the database of the inbox is damaged; it was renamed, and the inbox begins empty",
        hint: format!("clawgate inbox recover {} takes over what can be read of it", damaged.display()),
    };
    emit(Level::ERROR, "inbox_set_aside", &line);
}

#[derive(Serialize)]
struct Unavailable<'a> {
    file: String,
    detail: &'a str,
    hint: &'static str,
}

fn log_unavailable(place: &StorePlace, detail: &str) {
    let hint = "routes with an inbox answer 503 until this is corrected and clawgate restarted; direct routes work";
    emit(Level::ERROR, "inbox_unavailable", &Unavailable { file: place.to_string(), detail, hint });
}
