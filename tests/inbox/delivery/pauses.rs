//! Pauses of an upstream and of single routes, and how they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::{PATH, command, delivered, ok, send, settings, started};
use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::pki::Pki;

/// An upstream that answers with `status` as long as the flag is set, and the most requests that it had at once meanwhile.
fn switched(status: &'static str) -> (Arc<AtomicBool>, Arc<AtomicUsize>, Backend) {
    let (is_down, most) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (asked, noted, now) = (Arc::clone(&is_down), Arc::clone(&most), AtomicUsize::new(0));
    let backend = Backend::each(move |exchange, _| {
        let count = now.fetch_add(1, Ordering::SeqCst) + 1;
        if asked.load(Ordering::SeqCst) {
            noted.fetch_max(count, Ordering::SeqCst);
            exchange.answer(status, "text/plain", "");
        } else {
            ok(exchange);
        }
        now.fetch_sub(1, Ordering::SeqCst);
    });
    (is_down, most, backend)
}

#[test]
fn an_outage_under_load_loses_nothing_and_is_probed_by_one_event_at_a_time() {
    let pki = Pki::new();
    let (is_down, most, backend) = switched("503 Service Unavailable");
    let clawgate = started(&pki, &backend.url(), "");
    let ids: Vec<_> = (0..30).map(|number| send(&pki, &clawgate, &format!("k{number}"))).collect();
    eventually("several probes", || (backend.received().len() >= 4).then_some(()));
    assert_eq!(most.load(Ordering::SeqCst), 1);

    is_down.store(false, Ordering::SeqCst);

    for id in &ids {
        delivered(&clawgate, id);
    }
    assert_eq!(clawgate.events("delivered").len(), 30);
    assert_eq!(clawgate.events("upstream_paused").len(), 1);
    assert_eq!(clawgate.events("upstream_resumed").len(), 1);
}

#[test]
fn the_upstream_decides_how_long_it_is_left_alone() {
    let pki = Pki::new();
    let (seen, times) = (AtomicUsize::new(0), Arc::new(std::sync::Mutex::new(Vec::new())));
    let noted = Arc::clone(&times);
    let backend = Backend::each(move |exchange, _| {
        noted.lock().unwrap().push(Instant::now());
        match seen.fetch_add(1, Ordering::SeqCst) {
            0 => exchange.write(b"HTTP/1.1 503 Later\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
            _ => ok(exchange),
        }
    });
    let clawgate = started(&pki, &backend.url(), "");
    let id = send(&pki, &clawgate, "k1");
    delivered(&clawgate, &id);
    let times = times.lock().unwrap();
    assert!((times[1] - times[0]).as_millis() >= 1000);
}

#[test]
fn a_reload_lets_a_misconfigured_route_be_tried_at_once() {
    let pki = Pki::new();
    let (is_wrong, _, backend) = switched("404 Not Found");
    // The next try would be in some minutes.
    let settings = settings(&pki, "", "").replace("50ms", "20s").replace("500ms", "300s");
    let clawgate = command(&pki, &backend.url(), &settings).start();
    let id = send(&pki, &clawgate, "k1");
    clawgate.event("route_paused", 1);
    is_wrong.store(false, Ordering::SeqCst);

    clawgate.signal("HUP");

    assert_eq!(delivered(&clawgate, &id)["attempt"], 2);
}

#[test]
fn one_misconfigured_route_does_not_stop_another_one() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, request| {
        if request.request_line().contains("/hooks/b") {
            ok(exchange);
        } else {
            exchange.answer("404 Not Found", "text/plain", "");
        }
    });
    let more = "\n[[route]]\npath = \"/hooks/b\"\ndelivery = \"inbox\"\n";
    let clawgate = started(&pki, &backend.url(), more);
    send(&pki, &clawgate, "k1");
    assert_eq!(clawgate.event("route_paused", 1)["route"], PATH);

    let request = super::request("/hooks/b", "k2", "{}");
    let id = super::accepted(crate::support::client::Client::new(&pki, &clawgate).send(&request));

    delivered(&clawgate, &id);
}
