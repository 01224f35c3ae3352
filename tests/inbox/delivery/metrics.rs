//! What is counted of deliveries.

use std::collections::BTreeSet;

use super::{dead, delivered, request, send, started};
use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::eventually;
use crate::support::pki::Pki;
use crate::support::plain;
use crate::support::process::Clawgate;

fn metrics(clawgate: &Clawgate) -> String {
    String::from_utf8(plain::get(clawgate.admin(), "/metrics").body).unwrap()
}

#[test]
fn the_page_names_every_metric_of_the_inbox_and_no_other() {
    let pki = Pki::new();
    let clawgate = started(&pki, &Backend::ok().url(), "");
    let id = send(&pki, &clawgate, "k1");
    delivered(&clawgate, &id);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| `clawgate_inbox_")?.split_once("` | "));
    let rows: BTreeSet<_> =
        rows.map(|(name, rest)| format!("{name} {}", rest.split(" |").next().unwrap())).collect();
    let shown = || -> BTreeSet<_> {
        let text = metrics(&clawgate);
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE clawgate_inbox_"));
        types.map(str::to_owned).collect()
    };
    // What is stored is counted now and then.
    eventually("all metrics", || (shown() == rows).then_some(()));
}

#[test]
fn tries_deliveries_and_dead_events_are_counted_by_route() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, request| match &request.body[..] {
        b"bad" => exchange.answer("400 Bad Request", "text/plain", ""),
        _ => super::ok(exchange),
    });
    let clawgate = started(&pki, &backend.url(), "");
    let good = send(&pki, &clawgate, "k1");
    let bad = super::accepted(Client::new(&pki, &clawgate).send(&request(super::PATH, "k2", "bad")));
    delivered(&clawgate, &good);
    dead(&clawgate, &bad);
    let text = metrics(&clawgate);
    for line in [
        r#"clawgate_inbox_appends_total{route="/hooks/a",outcome="accepted"} 2"#,
        r#"clawgate_inbox_attempts_total{route="/hooks/a",class="delivered"} 1"#,
        r#"clawgate_inbox_attempts_total{route="/hooks/a",class="rejected"} 1"#,
        r#"clawgate_inbox_delivered_total{route="/hooks/a"} 1"#,
        r#"clawgate_inbox_dead_total{route="/hooks/a",reason="rejected"} 1"#,
        r#"clawgate_inbox_dead_total{route="/hooks/a",reason="too_old"} 0"#,
        "clawgate_inbox_delivering 1",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in {text}");
    }
}
