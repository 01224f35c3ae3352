//! Spans on their way to the collector that the settings name; without the feature `otlp` they cannot name one.

#[cfg(feature = "otlp")]
mod collector;

use crate::config::TraceSettings;
use crate::telemetry::access::Spans;
use crate::telemetry::metrics::Metrics;

/// How long the end of clawgate waits for spans to go out.
#[cfg(feature = "otlp")]
const LAST_SPANS: std::time::Duration = std::time::Duration::from_secs(2);

/// Where spans go, if anywhere.
#[cfg(feature = "otlp")]
pub(super) fn start(settings: Option<&TraceSettings>, metrics: &mut Metrics) -> Option<Spans> {
    use self::collector::Collector;
    use crate::telemetry::emit;

    let settings = settings?;
    match Collector::new(settings) {
        Ok(collector) => Some(Spans::start(collector, settings.sample, metrics.spans())),
        Err(error) => {
            // Requests matter more.
            let detail = format!("the collector cannot be called: {error}");
            let hint = "clawgate goes on without spans";
            let origin = "trace.endpoint";
            let warning = super::events::Warning { origin, detail: &detail, hint };
            emit(tracing::Level::WARN, "settings_warning", &warning);
            None
        }
    }
}

/// None.
#[cfg(not(feature = "otlp"))]
pub(super) fn start(_: Option<&TraceSettings>, _: &mut Metrics) -> Option<Spans> {
    None
}

/// Sends those that wait.
#[cfg(feature = "otlp")]
pub(super) fn finish(spans: Option<&Spans>) {
    if let Some(spans) = spans {
        spans.finish(LAST_SPANS);
    }
}

/// None wait.
#[cfg(not(feature = "otlp"))]
pub(super) fn finish(spans: Option<&Spans>) {
    if let Some(spans) = spans {
        match *spans {}
    }
}
