//! What a reload changes of the relay, and what it keeps.

use super::{Target, command, settings, track};
use crate::support::backend::Backend;
use crate::support::eventually;
use crate::support::pki::Pki;

#[test]
fn a_target_whose_settings_stay_keeps_its_connection_and_its_rate() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let target = || Target::at(&pki, api.address()).set("rate", "\"2/1h\"");
    let other = Target::at(&pki, api.address()).set("name", "\"other\"").set("path", "\"/other\"");
    let clawgate = command(&pki, &settings(&pki, &[target()])).start();
    track(&clawgate, "{}");
    clawgate.event("delivered", 1);

    pki.file("clawgate.toml", settings(&pki, &[target(), other]));
    clawgate.event("reloaded", 1);
    track(&clawgate, "{}");
    track(&clawgate, "{}");

    // With a new limiter, there would be one more at once.
    let received = eventually("requests", || {
        let received = api.received();
        (!received.is_empty()).then_some(received)
    });
    assert!(received.iter().all(|got| got.connection == received[0].connection));
}

#[test]
fn a_target_that_is_added_gets_events_and_one_that_is_removed_gets_none() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let other = || Target::at(&pki, api.address()).set("name", "\"other\"").set("path", "\"/other\"");
    let clawgate = command(&pki, &settings(&pki, &[Target::at(&pki, api.address())])).start();
    pki.file("clawgate.toml", settings(&pki, &[other()]));
    clawgate.event("reloaded", 1);

    let headers = format!("Authorization: Bearer {}\r\n", super::TOKEN);
    let added = super::send(&clawgate, &super::post("/other", &headers, "{}"));
    let removed = track(&clawgate, "{}");

    assert_eq!((added.status, removed.status), (202, 404));
    assert_eq!(clawgate.event("delivered", 1)["upstream"], "other");
}

#[test]
fn a_new_token_of_callers_holds_at_once() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = command(&pki, &settings(&pki, &[Target::at(&pki, api.address())])).start();
    assert_eq!(track(&clawgate, "{}").status, 202);

    pki.file("relay-token", "another-token-for-all-callers");
    clawgate.event("reloaded", 1);

    assert_eq!(track(&clawgate, "{}").status, 401);
}

#[test]
fn the_first_target_needs_a_restart() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let database = pki.dir().join("inbox/inbox.db");
    let inbox = format!("[inbox]\npath = {database:?}\n");
    let clawgate = command(&pki, &inbox).start();

    let target = Target::at(&pki, api.address()).set("delivery", "\"wait\"").toml();
    pki.file(
        "clawgate.toml",
        format!("{inbox}{target}[[route]]\npath = \"/out\"\nrelay = \"analytics\"\n"),
    );

    let failed = clawgate.event("reload_failed", 1);
    assert!(failed["detail"].as_str().unwrap().contains("restart clawgate"), "{failed}");
}
