//! In which order events are delivered, and how many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{delivered, keys, ok, send, started};
use crate::support::backend::Backend;
use crate::support::pki::Pki;
use crate::support::{Latch, eventually};

#[test]
fn in_strict_order_each_event_waits_for_the_one_before_it() {
    let pki = Pki::new();
    let seen = AtomicUsize::new(0);
    let backend = Backend::each(move |exchange, _| match seen.fetch_add(1, Ordering::SeqCst) {
        0 | 1 | 4 => exchange.answer("500 Internal Server Error", "text/plain", ""),
        6 => exchange.answer("503 Service Unavailable", "text/plain", ""),
        _ => ok(exchange),
    });
    let clawgate = started(&pki, &backend.url(), "[route.inbox]\norder = \"strict\"");
    let ids: Vec<_> = (0..6).map(|number| send(&pki, &clawgate, &format!("k{number}"))).collect();
    for id in &ids {
        delivered(&clawgate, id);
    }
    let received = backend.received();
    let got: Vec<_> = keys(&received).into_iter().map(|key| key.rsplit('-').next().unwrap()).collect();
    assert_eq!(got, ["k0", "k0", "k0", "k1", "k2", "k2", "k3", "k3", "k4", "k5"]);
}

#[test]
fn after_an_outage_events_come_one_by_one_first_and_then_up_to_the_settings() {
    let pki = Pki::new();
    let latch = Latch::default();
    let (held, now, most) = (latch.clone(), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (noted, seen) = (Arc::clone(&most), AtomicUsize::new(0));
    let backend = Backend::each(move |exchange, _| {
        let count = now.fetch_add(1, Ordering::SeqCst) + 1;
        noted.fetch_max(count, Ordering::SeqCst);
        match seen.fetch_add(1, Ordering::SeqCst) {
            0 => exchange.answer("503 Service Unavailable", "text/plain", ""),
            // One after the other: these are known before any other is sent.
            1 | 2 => ok(exchange),
            _ => {
                held.wait();
                ok(exchange);
            }
        }
        now.fetch_sub(1, Ordering::SeqCst);
    });
    let clawgate = started(&pki, &backend.url(), "[route.inbox]\nconcurrency = 3");
    let ids: Vec<_> = (0..12).map(|number| send(&pki, &clawgate, &format!("k{number}"))).collect();
    eventually("three at once", || (most.load(Ordering::SeqCst) >= 3).then_some(()));
    latch.open();
    for id in &ids {
        delivered(&clawgate, id);
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
}
