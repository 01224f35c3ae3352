//! A collector that is unreachable, slow or refuses spans: spans are lost, and nothing else.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::support::{Collector, request};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::{Clawgate, ClawgateCommand};
use crate::support::{Latch, eventually, plain, unused_port};

/// Spans that go out together, and that wait at most.
const BATCH: usize = 512;
const QUEUE: usize = 4096;

/// So many requests without an upstream, each of which is one span.
fn spans(pki: &Pki, clawgate: &Clawgate, count: usize) {
    let mut client = Client::new(pki, clawgate).connect().unwrap();
    for _ in 0..count {
        client.write(request("").as_bytes());
        assert_eq!(client.answer().status, 200);
    }
}

fn metric(clawgate: &Clawgate, name: &str) -> f64 {
    let page = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} is not there: {page}")).parse().unwrap()
}

fn dropped(clawgate: &Clawgate, reason: &str) -> f64 {
    metric(clawgate, &format!("clawgate_spans_dropped_total{{reason=\"{reason}\"}}"))
}

/// `clawgate` with `echo:` for an upstream, so that the collector alone matters, and few lines.
fn echo(clawgate: ClawgateCommand) -> Clawgate {
    clawgate.upstream("echo:").admin().arg("--log-sample-2xx", "4000000000").start()
}

#[test]
fn without_the_collector_requests_are_served_and_lost_spans_are_counted_and_logged_once() {
    let pki = Pki::new();
    let unused = unused_port();
    let mut clawgate =
        echo(ClawgateCommand::new(&pki).arg("--trace-endpoint", format!("http://{unused}")));

    for round in 1..=3 {
        spans(&pki, &clawgate, BATCH);
        eventually("the loss", || {
            (dropped(&clawgate, "not_sent") >= (round * BATCH) as f64).then_some(())
        });
    }

    assert_eq!(metric(&clawgate, "clawgate_spans_exported_total"), 0.0);
    let failed = clawgate.all("span_export_failed");
    assert_eq!((failed.len(), &failed[0]["level"]), (1, &"warn".into()), "{failed:#?}");
    assert_eq!(failed[0]["collector"], format!("http://{unused}/v1/traces"));
}

#[test]
fn a_collector_that_is_back_gets_spans_again_and_the_log_counts_those_it_missed() {
    let pki = Pki::new();
    let unused = unused_port();
    let clawgate = echo(ClawgateCommand::new(&pki).arg("--trace-endpoint", format!("http://{unused}")));
    spans(&pki, &clawgate, BATCH);
    clawgate.event("span_export_failed", 1);

    let backend = Backend::at(unused, |mut exchange| {
        while exchange.request().is_some() {
            exchange.answer("200 OK", "application/x-protobuf", "");
        }
    });
    let collector = Collector::of(backend);
    spans(&pki, &clawgate, BATCH);

    assert_eq!(clawgate.event("span_export_resumed", 1)["lost"], BATCH);
    assert_eq!(collector.spans().len(), BATCH);
}

#[test]
fn batches_go_out_on_one_connection_and_on_another_where_the_collector_has_closed_it() {
    let backend = Backend::script(|mut exchange| {
        for _ in 0..2 {
            exchange.request();
            exchange.answer("200 OK", "application/x-protobuf", "");
        }
    });
    let pki = Pki::new();
    let clawgate = echo(ClawgateCommand::new(&pki).arg("--trace-endpoint", backend.url()));

    for round in 1..=4 {
        spans(&pki, &clawgate, BATCH);
        let all = (round * BATCH) as f64;
        eventually("a batch", || {
            (metric(&clawgate, "clawgate_spans_exported_total") == all).then_some(())
        });
    }

    assert_eq!((backend.connections(), dropped(&clawgate, "not_sent")), (2, 0.0));
}

#[test]
fn a_batch_that_the_collector_cannot_take_just_now_is_sent_again() {
    let backend = Backend::script(|mut exchange| {
        exchange.request();
        exchange.answer("503 Service Unavailable", "text/plain", "");
        exchange.request();
        exchange.answer("200 OK", "application/x-protobuf", "");
    });
    let (pki, collector) = (Pki::new(), Collector::of(backend));
    let mut clawgate = echo(collector.clawgate(&pki));

    spans(&pki, &clawgate, BATCH);

    let all = BATCH as f64;
    eventually("the spans", || {
        (metric(&clawgate, "clawgate_spans_exported_total") == all).then_some(())
    });
    assert_eq!(dropped(&clawgate, "not_sent"), 0.0);
    assert!(clawgate.all("span_export_failed").is_empty());
    let batches = collector.batches();
    assert!(batches.len() == 2 && batches[0] == batches[1]);
}

#[test]
fn a_batch_that_the_collector_does_not_want_is_not_sent_again() {
    let backend = Backend::each(|exchange, _| exchange.answer("401 Unauthorized", "text/plain", ""));
    let (pki, collector) = (Pki::new(), Collector::of(backend));
    let clawgate = echo(collector.clawgate(&pki));

    spans(&pki, &clawgate, BATCH);

    let failed = clawgate.event("span_export_failed", 1);
    assert!(failed["detail"].as_str().unwrap().contains("401 Unauthorized"), "{failed}");
    assert_eq!((collector.batches().len(), dropped(&clawgate, "not_sent")), (1, BATCH as f64));
}

#[test]
fn spans_that_the_collector_leaves_out_are_counted() {
    // ExportTraceServiceResponse { partial_success { rejected_spans: 5 } }.
    let backend = Backend::each(|exchange, _| {
        exchange.answer("200 OK", "application/x-protobuf", "\x0a\x02\x08\x05");
    });
    let (pki, collector) = (Pki::new(), Collector::of(backend));
    let clawgate = echo(collector.clawgate(&pki));

    spans(&pki, &clawgate, BATCH);

    assert_eq!(clawgate.event("spans_lost", 1)["count"], 5);
    let taken = metric(&clawgate, "clawgate_spans_exported_total");
    assert_eq!((dropped(&clawgate, "rejected"), taken), (5.0, (BATCH - 5) as f64));
}

#[test]
fn a_collector_that_does_not_answer_holds_up_neither_a_request_nor_the_end() {
    let latch = Latch::default();
    let (pki, collector) = (Pki::new(), Collector::of(Backend::held(&latch)));
    let mut clawgate = echo(collector.clawgate(&pki));

    spans(&pki, &clawgate, QUEUE + 100);

    // On a machine that is so slow that the first batch has timed out, it was dropped to make room.
    assert!(dropped(&clawgate, "queue_full") + dropped(&clawgate, "not_sent") >= 100.0);
    let start = Instant::now();
    assert!(clawgate.stop().success());
    // 2 s for the spans, and some for a busy machine; the collector is given 10 s for a batch.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    let left = clawgate.event("spans_lost", 1)["count"].as_u64();
    assert!(left > Some((QUEUE - 2 * BATCH) as u64), "{left:?}");
}

#[test]
fn the_page_of_metrics_has_those_of_spans() {
    let (pki, collector) = (Pki::new(), Collector::new());
    let clawgate = echo(collector.clawgate(&pki));

    let page = String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap();

    let is_of_spans = |name: &&str| name.starts_with("clawgate_spans_");
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let page = include_str!("../../docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let (shown, told): (BTreeSet<_>, BTreeSet<_>) =
        (types.filter(is_of_spans).collect(), rows.filter(is_of_spans).collect());
    assert_eq!((shown.len(), &shown), (2, &told));
}
