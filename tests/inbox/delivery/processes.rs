//! The end of a clawgate, the next start, and two that use one database.

use super::{about, command, delivered, keys, send, settings, started};
use crate::support::backend::Backend;
use crate::support::pki::Pki;
use crate::support::{Latch, eventually, unused_port};

#[test]
fn a_drain_lets_the_tries_under_way_end_and_the_next_start_delivers_the_rest() {
    let pki = Pki::new();
    let latch = Latch::default();
    let backend = Backend::held(&latch);
    let mut clawgate = started(&pki, &backend.url(), "[route.inbox]\nconcurrency = 1");
    let first = send(&pki, &clawgate, "k1");
    let second = send(&pki, &clawgate, "k2");
    backend.first();
    clawgate.signal("TERM");
    clawgate.event("draining", 1);
    latch.open();
    assert!(clawgate.wait().success());
    delivered(&clawgate, &first);
    clawgate.event("delivery_stopped", 1);
    assert!(about(&clawgate, "delivered", &second).is_empty());

    let next = started(&pki, &backend.url(), "");

    delivered(&next, &second);
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn events_survive_a_kill_and_are_delivered_after_the_next_start() {
    let pki = Pki::new();
    let port = unused_port();
    let url = format!("http://{port}");
    let mut clawgate = started(&pki, &url, "");
    let ids: Vec<_> = (0..5).map(|number| send(&pki, &clawgate, &format!("k{number}"))).collect();
    clawgate.signal("KILL");
    clawgate.wait();
    drop(clawgate);
    let backend = Backend::at(port, |mut exchange| {
        while exchange.request().is_some() {
            super::ok(&mut exchange);
        }
    });

    let next = started(&pki, &url, "");

    for id in &ids {
        delivered(&next, id);
    }
    let received = backend.received();
    let mut keys = keys(&received);
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[test]
fn of_two_processes_with_one_database_one_delivers_and_the_other_takes_over() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let text = settings(&pki, "", "");
    let mut first = command(&pki, &backend.url(), &text).start();
    first.event("delivery_started", 1);
    let second = command(&pki, &backend.url(), &text).start();
    let ids: Vec<_> = (0..4).map(|number| send(&pki, &second, &format!("k{number}"))).collect();
    for id in &ids {
        delivered(&first, id);
    }
    assert!(second.events("delivery_started").is_empty());

    assert!(first.stop().success());

    second.event("delivery_started", 1);
    let id = send(&pki, &second, "last");
    delivered(&second, &id);
    assert_eq!(backend.received().len(), 5);
}

#[test]
fn events_of_a_route_that_a_reload_removes_wait_until_it_is_there_again() {
    let pki = Pki::new();
    let port = unused_port();
    let url = format!("http://{port}");
    let more = "\n[[route]]\npath = \"/hooks/b\"\ndelivery = \"inbox\"\n";
    let clawgate = started(&pki, &url, more);
    let id = send(&pki, &clawgate, "k1");
    clawgate.event("upstream_paused", 1);
    let text = settings(&pki, "", more);
    pki.file("clawgate.toml", text.replace("\"/hooks/a\"", "\"/hooks/c\""));
    clawgate.signal("HUP");
    clawgate.event("route_unknown", 1);
    let _backend = Backend::at(port, |mut exchange| {
        while exchange.request().is_some() {
            super::ok(&mut exchange);
        }
    });

    pki.file("clawgate.toml", text);
    clawgate.signal("HUP");

    delivered(&clawgate, &id);
    eventually("one line", || (clawgate.events("route_unknown").len() == 1).then_some(()));
}
