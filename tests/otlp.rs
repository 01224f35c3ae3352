//! Spans: what of a request is told to an OpenTelemetry collector, and what becomes of it where there is none.

mod attributes;
mod away;
mod support;

use std::collections::BTreeSet;

use self::support::{Collector, id, request};
use crate::support::backend::Backend;
use crate::support::gate::GateCommand;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::relay;
use crate::support::sender::Sender;

/// A sender's trace.
const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traced(flags: &str) -> String {
    request(&format!("traceparent: 00-{ID}-{PARENT}-{flags}\r\n"))
}

#[test]
fn the_senders_span_the_gates_and_the_upstreams_hang_together() {
    let (pki, backend, collector) = (Pki::new(), Backend::ok(), Collector::new());
    let mut gate = collector.gate(&pki).upstream(backend.url()).start();

    assert_eq!(Sender::new(&pki, &gate).send(&traced("01")).status, 200);
    gate.stop();

    let spans = collector.spans();
    let [server, client] = &spans[..] else { panic!("not two spans: {spans:#?}") };
    assert_eq!((id(&server.trace_id), id(&server.parent_span_id)), (ID.to_owned(), PARENT.to_owned()));
    assert_eq!((&client.trace_id, &client.parent_span_id), (&server.trace_id, &server.span_id));
    let told = format!("00-{ID}-{}-01", id(&client.span_id));
    assert_eq!(backend.first().value("traceparent"), Some(&*told));
    assert!(server.start_time_unix_nano <= client.start_time_unix_nano);
    assert!(client.start_time_unix_nano < client.end_time_unix_nano);
    assert!(client.end_time_unix_nano <= server.end_time_unix_nano);
}

#[test]
fn a_trace_that_its_sender_does_not_record_is_passed_on_and_not_exported() {
    let (pki, backend, collector) = (Pki::new(), Backend::ok(), Collector::new());
    let mut gate = collector.gate(&pki).upstream(backend.url()).start();

    for flags in ["00", "01"] {
        assert_eq!(Sender::new(&pki, &gate).send(&traced(flags)).status, 200);
    }
    gate.stop();

    let told = backend.received();
    let flags = told.iter().map(|request| request.value("traceparent").unwrap().rsplit('-').next());
    assert_eq!(flags.collect::<Vec<_>>(), [Some("00"), Some("01")]);
    // Those of the second request.
    assert_eq!(collector.spans().len(), 2);
}

#[test]
fn of_the_traces_that_begin_here_one_in_so_many_is_exported_and_the_upstream_hears_which() {
    let (pki, backend, collector) = (Pki::new(), Backend::ok(), Collector::new());
    let mut gate = collector.gate(&pki).upstream(backend.url()).arg("--trace-sample", "4").start();

    let mut sender = Sender::new(&pki, &gate).connect().unwrap();
    for _ in 0..60 {
        sender.write(request("").as_bytes());
        assert_eq!(sender.answer().status, 200);
    }
    drop(sender);
    gate.stop();

    let told: Vec<_> = backend.received();
    let told = told.iter().map(|request| request.value("traceparent").unwrap());
    let recorded = told.filter(|told| told.ends_with("-03")).map(|told| told[3..35].to_owned());
    let exported: BTreeSet<_> = collector.spans().iter().map(|span| id(&span.trace_id)).collect();
    assert_eq!(exported, recorded.collect());
    assert!((1..59).contains(&exported.len()), "{}", exported.len());
}

#[test]
fn a_request_that_has_no_line_in_the_log_has_its_spans() {
    let (pki, backend, collector) = (Pki::new(), Backend::ok(), Collector::new());
    let command = collector.gate(&pki).upstream(backend.url());
    let mut gate = command.arg("--log-sample-2xx", "4000000000").start();

    assert_eq!(Sender::new(&pki, &gate).send(&traced("01")).status, 200);
    gate.stop();

    assert_eq!(gate.all("request").len(), 0);
    assert_eq!(collector.spans().len(), 2);
}

#[test]
fn the_collector_is_told_who_sends_and_gets_the_token_and_no_variable_changes_that() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let token = pki.file("collector-token", "s3cret\n");
    let mut gate = collector
        .gate(&pki)
        .upstream("echo:")
        .arg("--trace-token-file", token)
        .arg("--trace-service", "gate-7")
        .env("OTEL_SERVICE_NAME", "other")
        .env("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,more=1")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=other")
        .start();

    Sender::new(&pki, &gate).post("/hooks/wake", "{}");
    gate.stop();

    let received = collector.received();
    assert_eq!(received.request_line(), "POST /v1/traces HTTP/1.1");
    assert_eq!(received.value("content-type"), Some("application/x-protobuf"));
    assert_eq!(received.value("authorization"), Some("Bearer s3cret"));
    let resource = collector.resource();
    let text = |name: &str| resource.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    assert_eq!((text("service.name"), text("service.version")), ("gate-7", env!("CARGO_PKG_VERSION")));
    assert_eq!(text("service.instance.id").len(), 36);
    assert_eq!(text("telemetry.sdk.name"), "opentelemetry");
    assert_eq!(resource.get("more"), None);
}

#[test]
fn a_collector_behind_tls_is_verified_with_its_ca_and_another_is_given_nothing() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let ca = Ca::root("Collector Root");
    let address = relay::tls(&Leaf::server().issued_by(&ca, &[]), collector.address());
    for (ca, count) in [(&pki.root, 0), (&ca, 1)] {
        let mut gate = GateCommand::new(&pki)
            .upstream("echo:")
            .arg("--trace-endpoint", format!("https://localhost:{}/", address.port()))
            .arg("--trace-ca", pki.file("collector-ca.pem", ca.pem()))
            .start();

        assert_eq!(Sender::new(&pki, &gate).post("/hooks/wake", "{}").status, 200);
        gate.stop();

        assert_eq!(collector.spans().len(), count);
    }
}

#[test]
fn the_collectors_port_is_one_that_the_sandbox_lets_the_gate_call() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let gate = collector.gate(&pki).upstream("http://127.0.0.1:1").start();

    let line = gate.event("sandbox", 1);

    let ports = BTreeSet::from([1, collector.address().port()]);
    assert_eq!(line["connects"], serde_json::json!(ports));
}

#[test]
fn another_collector_needs_a_restart_and_a_reload_says_so() {
    let (pki, collector) = (Pki::new(), Collector::new());
    pki.file("gate.toml", format!("[trace]\nendpoint = \"{}\"\n", collector.url()));
    let gate = GateCommand::new(&pki)
        .dir(pki.dir())
        .arg("--config", "gate.toml")
        .upstream("echo:")
        .env("CLAWGATE_WATCH", "false")
        .start();

    pki.file("gate.toml", "[trace]\nendpoint = \"http://127.0.0.1:1\"\n");
    gate.signal("HUP");

    assert_eq!(gate.event("reloaded", 1)["needs_restart"], serde_json::json!(["trace.endpoint"]));
}
