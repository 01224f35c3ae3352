//! Traces: the W3C trace context of each request, and spans for an OpenTelemetry collector with the feature `otlp`.
//!
//! Sending spans to the collector is in `app/trace_export`, since it needs the client for upstreams.

mod attempt;
#[cfg(feature = "otlp")]
mod attempt_span;
mod context;
#[cfg(not(feature = "otlp"))]
mod disabled;
#[cfg(feature = "otlp")]
mod exporter;
#[cfg(feature = "otlp")]
mod metrics;
#[cfg(feature = "otlp")]
mod request_span;
#[cfg(feature = "otlp")]
mod span_data;

pub use self::attempt::Attempt;
pub use self::context::TraceContext;
#[cfg(not(feature = "otlp"))]
pub use self::disabled::{ConnectionSpans, RequestSpan, SpanQueue};
#[cfg(feature = "otlp")]
pub use self::exporter::{SpanQueue, SpanSink};
#[cfg(feature = "otlp")]
pub use self::metrics::{SpanLoss, SpanMetrics};
#[cfg(feature = "otlp")]
pub use self::request_span::{ConnectionSpans, RequestSpan};
