//! Spans that are sent to an OpenTelemetry collector.

mod attributes;
mod away;
mod inbox;
mod support;

use std::collections::BTreeSet;

use self::support::{Collector, id, request};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki};
use crate::support::process::ClawgateCommand;
use crate::support::relay;

/// A client's trace.
const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn traced(flags: &str) -> String {
    request(&format!("traceparent: 00-{ID}-{PARENT}-{flags}\r\n"))
}

#[test]
fn the_clients_span_clawgates_and_the_upstreams_hang_together() {
    let (pki, backend, collector) = (Pki::new(), Backend::ok(), Collector::new());
    let mut clawgate = collector.clawgate(&pki).upstream(backend.url()).start();

    assert_eq!(Client::new(&pki, &clawgate).send(&traced("01")).status, 200);
    clawgate.stop();

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
fn a_trace_that_its_client_does_not_record_is_passed_on_and_not_exported() {
    let (pki, backend, collector) = (Pki::new(), Backend::ok(), Collector::new());
    let mut clawgate = collector.clawgate(&pki).upstream(backend.url()).start();

    for flags in ["00", "01"] {
        assert_eq!(Client::new(&pki, &clawgate).send(&traced(flags)).status, 200);
    }
    clawgate.stop();

    let told = backend.received();
    let flags = told.iter().map(|request| request.value("traceparent").unwrap().rsplit('-').next());
    assert_eq!(flags.collect::<Vec<_>>(), [Some("00"), Some("01")]);
    // Those of the second request.
    assert_eq!(collector.spans().len(), 2);
}

#[test]
fn of_the_traces_that_begin_here_one_in_so_many_is_exported_and_the_upstream_hears_which() {
    let (pki, backend, collector) = (Pki::new(), Backend::ok(), Collector::new());
    let mut clawgate =
        collector.clawgate(&pki).upstream(backend.url()).arg("--trace-sample", "4").start();

    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    for _ in 0..60 {
        client.write(request("").as_bytes());
        assert_eq!(client.answer().status, 200);
    }
    drop(client);
    clawgate.stop();

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
    let command = collector.clawgate(&pki).upstream(backend.url());
    let mut clawgate = command.arg("--log-sample-2xx", "4000000000").start();

    assert_eq!(Client::new(&pki, &clawgate).send(&traced("01")).status, 200);
    clawgate.stop();

    assert_eq!(clawgate.all("request").len(), 0);
    assert_eq!(collector.spans().len(), 2);
}

#[test]
fn the_collector_gets_the_service_name_and_the_token_and_no_variable_changes_that() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let token = pki.file("collector-token", "s3cret\n");
    let mut clawgate = collector
        .clawgate(&pki)
        .upstream("echo:")
        .arg("--trace-token-file", token)
        .arg("--trace-service", "gate-7")
        .env("OTEL_SERVICE_NAME", "other")
        .env("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,more=1")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=other")
        .start();

    Client::new(&pki, &clawgate).post("/hooks/wake", "{}");
    clawgate.stop();

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
        let mut clawgate = ClawgateCommand::new(&pki)
            .upstream("echo:")
            .arg("--trace-endpoint", format!("https://localhost:{}/", address.port()))
            .arg("--trace-ca", pki.file("collector-ca.pem", ca.pem()))
            .start();

        assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
        clawgate.stop();

        assert_eq!(collector.spans().len(), count);
    }
}

#[test]
fn the_collectors_port_is_one_that_the_sandbox_lets_clawgate_call() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let clawgate = collector.clawgate(&pki).upstream("http://127.0.0.1:1").start();

    let line = clawgate.event("sandbox", 1);

    let ports = BTreeSet::from([1, collector.address().port()]);
    assert_eq!(line["connects"], serde_json::json!(ports));
}

#[test]
fn another_collector_needs_a_restart_and_a_reload_says_so() {
    let (pki, collector) = (Pki::new(), Collector::new());
    pki.file("gate.toml", format!("[trace]\nendpoint = \"{}\"\n", collector.url()));
    let clawgate = ClawgateCommand::new(&pki)
        .dir(pki.dir())
        .arg("--config", "gate.toml")
        .upstream("echo:")
        .env("CLAWGATE_WATCH", "false")
        .start();

    pki.file("gate.toml", "[trace]\nendpoint = \"http://127.0.0.1:1\"\n");
    clawgate.signal("HUP");

    assert_eq!(clawgate.event("reloaded", 1)["needs_restart"], serde_json::json!(["trace.endpoint"]));
}
