//! The queue of spans, and the thread that sends them to the collector in batches.
//!
//! Queue, batches and thread come from the OpenTelemetry SDK. The SDK does not report how many spans it drops.
//! Therefore this module counts the spans in the queue, and drops new ones itself before the queue is full.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor,
};
use serde::Serialize;
use tracing::Level;

use super::metrics::{SpanLoss, SpanMetrics};
use crate::telemetry::{LogThrottle, emit};

/// Spans in the queue, about 8 MB.
const QUEUE: usize = 4096;
/// Spans in one batch.
const BATCH: usize = 512;
/// How long a span waits for further spans of its batch.
const BATCH_DELAY: Duration = Duration::from_secs(5);
/// The shortest time between two log lines about lost spans.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Sends spans to a collector.
pub trait SpanSink: fmt::Debug + Send + Sync + 'static {
    /// Why a batch could not be sent.
    type Error: fmt::Display;

    /// The collector's address, for the log.
    fn collector(&self) -> &str;

    /// Sends a batch, waits for the response, and returns how many of the spans the collector rejected. Called by one
    /// thread only.
    ///
    /// # Errors
    /// Why the collector did not accept the batch.
    fn send(&self, spans: Vec<SpanData>) -> Result<u64, Self::Error>;
}

/// The queue of spans. Clones share it.
#[derive(Clone, Debug)]
pub struct SpanQueue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    processor: BatchSpanProcessor,
    usage: Arc<Usage>,
    /// One in this many traces that begin in clawgate is exported.
    one_in: u64,
}

#[derive(Debug)]
struct Usage {
    /// Spans that are queued or being sent.
    queued: AtomicUsize,
    /// Spans that did not reach the collector.
    lost: AtomicU64,
    metrics: SpanMetrics,
}

impl SpanQueue {
    /// Starts the thread that sends spans to `sink`.
    pub fn start(sink: impl SpanSink, one_in: u64, metrics: SpanMetrics) -> Self {
        let usage = Usage { queued: AtomicUsize::new(0), lost: AtomicU64::new(0), metrics };
        let usage = Arc::new(usage);
        let exporter = Exporter {
            sink,
            usage: Arc::clone(&usage),
            started: Instant::now(),
            losses: LogThrottle::default(),
            logged: Mutex::default(),
        };
        // All values are set here, so that environment variables cannot change them.
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(BATCH_DELAY)
            .build();
        let processor = BatchSpanProcessor::new(exporter, config);
        Self(Arc::new(Inner { processor, usage, one_in }))
    }

    pub(super) fn one_in(&self) -> u64 {
        self.0.one_in
    }

    /// Queues the spans of one request, or drops all of them if the queue has no room. Never blocks.
    pub(super) fn put(&self, spans: impl ExactSizeIterator<Item = SpanData>) {
        if self.0.usage.reserve(spans.len()) {
            spans.for_each(|span| self.0.processor.on_end(span));
        }
    }

    /// Sends what is queued, and waits at most `timeout`. Later spans are lost.
    pub fn finish(&self, timeout: Duration) {
        // The number of lost spans is logged below. The error adds nothing to that.
        let _ = self.0.processor.shutdown_with_timeout(timeout);
        let left = self.0.usage.queued.load(Ordering::Relaxed);
        if left > 0 {
            let hint = "the collector did not accept them in time";
            emit(Level::WARN, "spans_lost", &Lost { count: left as u64, hint });
        }
    }
}

impl Usage {
    /// Reserves `count` places in the queue. Returns `false` if there are not enough.
    fn reserve(&self, count: usize) -> bool {
        let enough = |queued: usize| Some(queued + count).filter(|queued| *queued <= QUEUE);
        let reserved = self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough).is_ok();
        if !reserved {
            self.lose(SpanLoss::QueueFull, count as u64);
        }
        reserved
    }

    fn lose(&self, loss: SpanLoss, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
        self.metrics.dropped(loss, count);
    }
}

/// Sends and counts batches. Logs when sending begins to fail and when it works again.
#[derive(Debug)]
struct Exporter<S> {
    sink: S,
    usage: Arc<Usage>,
    started: Instant,
    /// For the lines about lost spans.
    losses: LogThrottle,
    logged: Mutex<Logged>,
}

/// What was logged so far.
#[derive(Debug, Default)]
struct Logged {
    fails: bool,
    /// How many lost spans log lines have reported.
    lost: u64,
}

impl<S: SpanSink> SpanExporter for Exporter<S> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let outcome = self.sink.send(batch).map_err(|error| error.to_string());
        self.usage.queued.fetch_sub(usize::try_from(count).unwrap_or(0), Ordering::Relaxed);
        match &outcome {
            Ok(rejected) => {
                let rejected = count.min(*rejected);
                self.usage.metrics.exported(count - rejected);
                self.usage.lose(SpanLoss::Rejected, rejected);
            }
            Err(_) => self.usage.lose(SpanLoss::NotSent, count),
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        self.log(&mut logged, outcome.as_ref().err());
        outcome.map(|_| ()).map_err(OTelSdkError::InternalFailure)
    }
}

impl<S: SpanSink> Exporter<S> {
    /// Logs when a failure begins and ends, and logs lost spans at most once per [`LOG_INTERVAL`].
    fn log(&self, logged: &mut Logged, failure: Option<&String>) {
        let collector = self.sink.collector();
        let lost = self.usage.lost.load(Ordering::Relaxed) - logged.lost;
        match (failure, logged.fails) {
            (Some(_), true) => return,
            (Some(detail), false) => {
                let hint = "requests are not affected; until the collector accepts spans again, they are \
                            dropped and counted in clawgate_spans_dropped_total";
                emit(Level::WARN, "span_export_failed", &Failed { collector, detail, hint });
                logged.fails = true;
                return;
            }
            (None, true) => {
                emit(Level::INFO, "span_export_resumed", &Resumed { collector, lost });
                // This line has the number of lost spans too, so that the next line about them waits.
                let _ = self.losses.pass(self.started.elapsed(), Duration::ZERO);
            }
            (None, false) if lost == 0 => return,
            (None, false) if self.losses.pass(self.started.elapsed(), LOG_INTERVAL).is_none() => return,
            (None, false) => {
                let hint = "the collector is too slow or rejected them; raise trace.sample, or read the \
                            collector's log";
                emit(Level::WARN, "spans_lost", &Lost { count: lost, hint });
            }
        }
        *logged = Logged { fails: false, lost: logged.lost + lost };
    }
}

#[derive(Serialize)]
struct Failed<'a> {
    collector: &'a str,
    detail: &'a str,
    hint: &'static str,
}

#[derive(Serialize)]
struct Resumed<'a> {
    collector: &'a str,
    /// Spans that were lost since the last line.
    lost: u64,
}

#[derive(Serialize)]
struct Lost {
    count: u64,
    hint: &'static str,
}
