//! Spans on their way out: a bounded queue, and a thread that takes batches from it to a collector.
//!
//! Queue, batches and thread are the OpenTelemetry SDK's. It does not say how many spans it drops, so the places in
//! its queue are counted here, before it could run out of them.

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

use super::event::emit;
use super::metrics::{SpanLoss, SpanMetrics};

/// Spans that wait at most: some 8 MB.
const QUEUE: usize = 4096;
/// Spans that go out together.
const BATCH: usize = 512;
/// How long one waits for others to go out with it.
const GATHER: Duration = Duration::from_secs(5);
/// How often it is said that spans had no room.
const TELL: Duration = Duration::from_secs(60);

/// Takes spans to a collector.
pub trait Carrier: fmt::Debug + Send + Sync + 'static {
    /// Where they go, for the log.
    fn collector(&self) -> &str;

    /// Takes them there, and returns how many the collector did not want. Waits for its answer; is called by one
    /// thread.
    ///
    /// # Errors
    /// Why it took none.
    fn carry(&self, spans: Vec<SpanData>) -> Result<u64, String>;
}

/// Where spans go. Clones are the same place.
#[derive(Clone, Debug)]
pub struct Spans(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    processor: BatchSpanProcessor,
    places: Arc<Places>,
    /// Of the traces that begin here, one in so many is exported.
    one_in: u64,
}

#[derive(Debug)]
struct Places {
    /// Spans that are in the queue or on their way.
    taken: AtomicUsize,
    /// Spans that did not get to the collector.
    lost: AtomicU64,
    metrics: SpanMetrics,
}

impl Spans {
    /// Starts the thread that gives spans to `carrier`.
    pub fn start(carrier: impl Carrier, one_in: u64, metrics: SpanMetrics) -> Self {
        let places = Places { taken: AtomicUsize::new(0), lost: AtomicU64::new(0), metrics };
        let places = Arc::new(places);
        let told = Told { fails: false, lost: 0, at: None };
        let exporter = Exporter { carrier, places: Arc::clone(&places), told: Mutex::new(told) };
        // All of it, so that no variable of the environment has a say.
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(GATHER)
            .build();
        let processor = BatchSpanProcessor::new(exporter, config);
        Self(Arc::new(Inner { processor, places, one_in }))
    }

    pub(super) fn one_in(&self) -> u64 {
        self.0.one_in
    }

    /// Puts the spans of one request into the queue, where there is room for all of them. Waits for nobody.
    pub(super) fn put(&self, spans: impl ExactSizeIterator<Item = SpanData>) {
        let count = spans.len();
        if self.0.places.take(count) {
            spans.for_each(|span| self.0.processor.on_end(span));
        }
    }

    /// Sends what waits, as far as that is done within `patience`. Later ones are lost.
    pub fn finish(&self, patience: Duration) {
        // What is left is told of; whoever ends has no use for the error.
        let _ = self.0.processor.shutdown_with_timeout(patience);
        let left = self.0.places.taken.load(Ordering::Relaxed);
        if left > 0 {
            let hint = "the collector did not take them in time";
            emit(Level::WARN, "spans_lost", &Lost { count: left as u64, hint });
        }
    }
}

impl Places {
    /// Takes `count` places; `false` when there are not as many.
    fn take(&self, count: usize) -> bool {
        let enough = |taken: usize| Some(taken + count).filter(|taken| *taken <= QUEUE);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough).is_ok();
        if !taken {
            self.lose(SpanLoss::QueueFull, count as u64);
        }
        taken
    }

    fn lose(&self, loss: SpanLoss, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
        self.metrics.dropped(loss, count);
    }
}

/// Counts what the carrier does, and tells when that changes.
#[derive(Debug)]
struct Exporter<C> {
    carrier: C,
    places: Arc<Places>,
    told: Mutex<Told>,
}

/// What was said last.
#[derive(Debug)]
struct Told {
    fails: bool,
    /// Of so many lost ones.
    lost: u64,
    at: Option<Instant>,
}

impl<C: Carrier> SpanExporter for Exporter<C> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let outcome = self.carrier.carry(batch);
        self.places.taken.fetch_sub(usize::try_from(count).unwrap_or(0), Ordering::Relaxed);
        match &outcome {
            Ok(rejected) => {
                let rejected = count.min(*rejected);
                self.places.metrics.exported(count - rejected);
                self.places.lose(SpanLoss::Rejected, rejected);
            }
            Err(_) => self.places.lose(SpanLoss::NotSent, count),
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.tell(&mut told, outcome.as_ref().err());
        outcome.map(|_| ()).map_err(OTelSdkError::InternalFailure)
    }
}

impl<C: Carrier> Exporter<C> {
    /// A failure is told of when it begins and when it is over.
    fn tell(&self, told: &mut Told, failure: Option<&String>) {
        let collector = self.carrier.collector();
        let lost = self.places.lost.load(Ordering::Relaxed) - told.lost;
        match (failure, told.fails) {
            (Some(_), true) => return,
            (Some(detail), false) => {
                let hint = "requests are served all the same; spans are dropped, and counted in \
                            clawgate_spans_dropped_total, until it takes them";
                emit(Level::WARN, "span_export_failed", &Failed { collector, detail, hint });
                told.fails = true;
                return;
            }
            (None, true) => emit(Level::INFO, "span_export_resumed", &Resumed { collector, lost }),
            (None, false) if lost == 0 || told.at.is_some_and(|at| at.elapsed() < TELL) => return,
            (None, false) => {
                let hint = "the collector takes them more slowly than they come, or did not want them; raise \
                            trace.sample, or look at its log";
                emit(Level::WARN, "spans_lost", &Lost { count: lost, hint });
            }
        }
        *told = Told { fails: false, lost: told.lost + lost, at: Some(Instant::now()) };
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
    /// Spans that were lost meanwhile.
    lost: u64,
}

#[derive(Serialize)]
struct Lost {
    count: u64,
    hint: &'static str,
}
