//! A name that leads to another address at each look-up.

use std::fs;
use std::sync::Arc;

use super::{Target, command, settings, track};
use crate::support::backend::Backend;
use crate::support::pki::Pki;

/// The event is tried twice. After the first try, the name of the API leads to `second`.
fn second_try_at(second: &'static str) {
    let pki = Pki::new();
    let hosts = pki.file("hosts", "127.0.0.1 api.example\n");
    let file = Arc::new(hosts.clone());
    let api = Backend::script(move |mut exchange| {
        if exchange.request().is_some() {
            fs::write(&*file, format!("{second} api.example\n")).unwrap();
            // Without an answer: the next try needs a new connection.
        }
    });
    let port = api.address().port();
    let target = Target::at(&pki, api.address())
        .set("url", format!("\"http://api.example:{port}/\""))
        .set("allow_private", "[\"127.0.0.1/32\"]");
    let Some(command) = command(&pki, &settings(&pki, &[target])).hosts(&hosts) else {
        eprintln!("skipped: this machine does not permit namespaces of users, or has no unshare");
        return;
    };
    let clawgate = command.start();
    assert_eq!(track(&clawgate, "{}").status, 202);

    let failed = clawgate.event("delivery_attempt_failed", 1);
    assert_eq!(failed["class"], "no_answer", "{failed}");
    let paused = clawgate.event("route_paused", 1);
    assert!(paused["hint"].as_str().unwrap().contains("allow_private"), "{paused}");
    let failed = clawgate.event("delivery_attempt_failed", 2);
    assert!(failed["detail"].as_str().unwrap().contains(second), "{failed}");
    assert_eq!(api.connections(), 1);
}

#[test]
fn a_metadata_service_is_not_called_at_the_second_try() {
    second_try_at("169.254.169.254");
}

#[test]
fn a_private_address_that_is_not_allowed_is_not_called_at_the_second_try() {
    second_try_at("127.0.0.2");
}

#[test]
fn an_address_of_ipv4_within_ipv6_is_not_called_at_the_second_try() {
    second_try_at("::ffff:10.0.0.1");
}
