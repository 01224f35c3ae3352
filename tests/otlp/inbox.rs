//! The spans of stored events.

use super::support::{Collector, attributes, id};
use super::{ID, PARENT};
use crate::inbox::support::{TOKEN, inbox, post, send, stored};
use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::pki::Pki;

#[test]
fn the_spans_of_an_event_are_one_trace_from_its_arrival_over_all_tries() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let backend = Backend::each(move |exchange, _| {
        let is_first = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        let status = if is_first { "500 Internal Server Error" } else { "200 OK" };
        exchange.answer(status, "text/plain", "");
    });
    let toml = inbox(&pki, "retry_first = \"10ms\"") + &stored("/hooks/agent", "");
    let mut clawgate = collector
        .clawgate(&pki)
        .arg("--config", pki.file("clawgate.toml", &toml))
        .arg("--hook-token-file", pki.file("token", TOKEN))
        .upstream(backend.url())
        .start();

    let traceparent = format!("traceparent: 00-{ID}-{PARENT}-01\r\n");
    let event = send(&pki, &clawgate, &post(&traceparent, "{}")).json()["id"].clone();
    clawgate.event("delivery_attempt_failed", 1);
    let first = backend.first();
    let told = first.value("traceparent").unwrap();
    clawgate.stop();

    let spans = eventually("three spans", || Some(collector.spans()).filter(|spans| spans.len() >= 3));
    assert!(spans.iter().all(|span| id(&span.trace_id) == ID));
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (server, store) = (named("POST /hooks/agent"), named("store /hooks/agent"));
    let attempt = named("deliver /hooks/agent");
    assert_eq!(id(&server.parent_span_id), PARENT);
    assert_eq!(store.parent_span_id, server.span_id);
    assert_eq!(attempt.parent_span_id, store.span_id);
    assert_eq!(told, format!("00-{ID}-{}-01", id(&attempt.span_id)));
    let shown = attributes(&attempt.attributes);
    assert_eq!(shown["clawgate.event.id"], event);
    assert_eq!(shown["clawgate.event.attempt"], 1);
    assert_eq!(shown["http.response.status_code"], 500);
    assert_eq!(shown["error.type"], "failed");
}
