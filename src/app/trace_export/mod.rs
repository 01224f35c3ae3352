//! Starts the export of spans to the collector in the settings. Without the feature `otlp`, there can be none.

#[cfg(feature = "otlp")]
mod collector;

use crate::config::TraceSettings;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::trace::SpanQueue;

/// How long spans may take to be sent when clawgate ends.
#[cfg(feature = "otlp")]
const FLUSH_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// The queue of spans, if a collector is configured and can be called.
#[cfg(feature = "otlp")]
pub(super) fn start(settings: Option<&TraceSettings>, metrics: &mut Metrics) -> Option<SpanQueue> {
    use self::collector::Collector;
    use crate::telemetry::emit;

    let settings = settings?;
    match Collector::new(settings) {
        Ok(collector) => Some(SpanQueue::start(collector, settings.sample, metrics.spans())),
        Err(error) => {
            // clawgate starts nevertheless: requests are more important than spans.
            let detail = format!("the collector cannot be called: {error}");
            let hint = "clawgate goes on without spans";
            let origin = "trace.endpoint";
            let warning = crate::reload::Warning { origin, detail: &detail, hint };
            emit(tracing::Level::WARN, "settings_warning", &warning);
            None
        }
    }
}

/// No queue.
#[cfg(not(feature = "otlp"))]
pub(super) fn start(_: Option<&TraceSettings>, _: &mut Metrics) -> Option<SpanQueue> {
    None
}

/// Sends the spans that are queued.
#[cfg(feature = "otlp")]
pub(super) fn finish(queue: Option<&SpanQueue>) {
    if let Some(queue) = queue {
        queue.finish(FLUSH_TIMEOUT);
    }
}

/// Does nothing.
#[cfg(not(feature = "otlp"))]
pub(super) fn finish(queue: Option<&SpanQueue>) {
    if let Some(queue) = queue {
        match *queue {}
    }
}
