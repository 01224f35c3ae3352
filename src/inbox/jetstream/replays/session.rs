//! The thread on which the connection lives. It finds out whether NATS can be asked, and writes what could not be written at once.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::ContextBuilder;
use futures_util::future::join_all;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::record::{Record, test_subject};
use super::shared::{BOUND, QUEUE, Reach, Settlement, Shared, store_of};
use crate::inbox::jetstream::connect::connect;
use crate::inbox::jetstream::connection_log::ConnectionLog;
use crate::inbox::jetstream::elsewhere::Elsewhere;
use crate::inbox::jetstream::link::Fault;
use crate::inbox::jetstream::open_error::JetStreamOpenError;
use crate::inbox::jetstream::thread::{Started, Thread};
use crate::inbox::settings::nats::JetStreamSettings;
use crate::random::random_hex;
use crate::telemetry::metrics::ReplayMetrics;

/// How long to wait after NATS could not be asked.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// The same shortly after the start.
const AT_THE_START: Duration = Duration::from_millis(50);
/// How often to look whether there is a connection.
const LOOK: Duration = Duration::from_secs(1);
/// How many records are written at the same time.
const AT_ONCE: usize = 64;
/// How long what is left may take to be written at the end.
const AT_THE_END: Duration = Duration::from_secs(2);

/// Starts the thread. Does not wait for the servers.
///
/// # Errors
/// When a file that the settings name cannot be used, or the system has no thread.
pub(super) fn start(
    settings: &JetStreamSettings,
    metrics: ReplayMetrics,
) -> Result<(Thread, Arc<Shared>), JetStreamOpenError> {
    let settings = settings.clone();
    Thread::start("replays-nats", |started, end| run(settings, metrics, started, end))
}

async fn run(
    settings: JetStreamSettings,
    metrics: ReplayMetrics,
    started: Started<Arc<Shared>>,
    mut end: watch::Receiver<()>,
) {
    let (queue, mut waiting) = mpsc::channel(QUEUE);
    let shared = match share(&settings, queue, metrics).await {
        Ok(shared) => shared,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let _ = started.send(Ok(Arc::clone(&shared)));
    let mut batch = Vec::new();
    tokio::select! {
        () = keep(&shared, &settings, &mut waiting, &mut batch) => {}
        // It is an error, because the sender was dropped.
        _ = end.changed() => {}
    }
    let _ = timeout(AT_THE_END, write_rest(&shared, &mut waiting, &mut batch)).await;
}

async fn share(
    settings: &JetStreamSettings,
    queue: mpsc::Sender<Settlement>,
    metrics: ReplayMetrics,
) -> Result<Arc<Shared>, JetStreamOpenError> {
    let log = Arc::new(ConnectionLog::only_errors(store_of(settings)));
    let client = connect(settings, Arc::clone(&log)).await?;
    let holder = random_hex::<16>().map_err(|error| JetStreamOpenError::Start(error.to_string()))?;
    let context = ContextBuilder::new().timeout(BOUND).build(client.clone());
    Ok(Arc::new(Shared::new(settings, (client, context), queue, log, metrics, holder)))
}

/// Runs as long as the process. `batch` is written now, or could not be written.
async fn keep(
    shared: &Shared,
    settings: &JetStreamSettings,
    waiting: &mut mpsc::Receiver<Settlement>,
    batch: &mut Vec<Settlement>,
) {
    let mut elsewhere = Elsewhere::new(settings);
    loop {
        if let Err(why) = test(shared, settings).await {
            shared.still_lost(&why);
            elsewhere.fails(&shared.client, &shared.log).await;
            let is_starting = shared.reach() == Reach::Starting;
            sleep(if is_starting { AT_THE_START } else { AFTER_FAILURE }).await;
            continue;
        }
        elsewhere.works();
        if write_waiting(shared, waiting, batch).await {
            shared.found();
        }
        while batch.is_empty() && shared.reach() == Reach::Shared {
            tokio::select! {
                () = shared.wanted.notified() => break,
                _ = waiting.recv_many(batch, AT_ONCE) => {}
                () = sleep(LOOK) => {}
            }
            write(shared, batch).await;
            if !shared.is_connected() {
                shared.lost(&shared.why_disconnected());
            }
        }
        if shared.reach() != Reach::Shared {
            sleep(AFTER_FAILURE).await;
        }
    }
}

/// Writes what was delivered before, so that the other instances know it before it is shared again what is delivered from now on. Returns
/// whether all is written.
async fn write_waiting(
    shared: &Shared,
    waiting: &mut mpsc::Receiver<Settlement>,
    batch: &mut Vec<Settlement>,
) -> bool {
    // What comes during that waits for the next time: otherwise it might never end.
    let mut rest = waiting.len();
    write(shared, batch).await;
    while batch.is_empty() && rest > 0 {
        rest = rest.saturating_sub(waiting.recv_many(batch, AT_ONCE.min(rest)).await);
        write(shared, batch).await;
    }
    batch.is_empty()
}

/// Writes a batch, all at the same time. Those that could not be written stay in it, and all of them if this is dropped.
async fn write(shared: &Shared, batch: &mut Vec<Settlement>) {
    let writes = batch.iter().map(|settlement| shared.settle(settlement));
    let mut written = join_all(writes).await.into_iter();
    batch.retain(|_| match written.next() {
        Some(Err(fault)) => {
            shared.lost(&text(fault));
            true
        }
        Some(Ok(())) | None => false,
    });
}

/// Whether NATS does all that is needed.
///
/// # Errors
/// When it does not, as a sentence.
async fn test(shared: &Shared, settings: &JetStreamSettings) -> Result<(), String> {
    if !shared.is_connected() {
        return Err(shared.why_disconnected());
    }
    shared.ensure_stream(settings).await?;
    let subject = test_subject(&shared.name);
    shared.publish(subject.clone(), &Record::none(), None).await.map_err(text)?;
    shared.last(&subject).await.map(drop).map_err(text)
}

fn text(fault: Fault) -> String {
    match fault {
        Fault::Unavailable(why) | Fault::Full(why) => why,
        Fault::Conflict | Fault::TooLarge(_) => "NATS does not store the message".to_owned(),
    }
}

/// Writes what is left.
async fn write_rest(
    shared: &Shared,
    waiting: &mut mpsc::Receiver<Settlement>,
    batch: &mut Vec<Settlement>,
) {
    if shared.is_connected() {
        write_waiting(shared, waiting, batch).await;
    }
    let _ = shared.client.flush().await;
}
