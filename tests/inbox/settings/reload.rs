//! What a reload may change.

use super::{command, storing, write};
use crate::support::pki::Pki;

#[test]
fn a_reload_cannot_open_the_inbox_and_says_so() {
    let pki = Pki::new();
    let clawgate = command("run", &pki, "").start();

    write(&pki, &storing(&pki.dir().join("box/inbox.db")));
    clawgate.signal("HUP");

    let failed = clawgate.event("reload_failed", 1);
    let detail = failed["detail"].as_str().unwrap();
    for part in ["none had at the start, so the inbox is not open", "restart clawgate"] {
        assert!(detail.contains(part), "no `{part}` in {detail}");
    }
    assert_eq!(failed["generation"], 1);
}

#[test]
fn a_reload_may_change_how_a_route_stores_events() {
    let pki = Pki::new();
    let text = storing(&pki.dir().join("box/inbox.db"));
    let clawgate = command("run", &pki, &text).start();

    write(&pki, &format!("{text}\ninbox.give_up_after = \"2d\""));
    clawgate.signal("HUP");

    let reloaded = clawgate.event("reloaded", 1);
    assert_eq!(reloaded["changed"], serde_json::json!(["routes"]), "{reloaded}");
    assert!(reloaded.get("needs_restart").is_none(), "{reloaded}");
}

#[test]
fn another_database_needs_a_restart() {
    let pki = Pki::new();
    let clawgate = command("run", &pki, &storing(&pki.dir().join("box/inbox.db"))).start();

    write(&pki, &storing(&pki.dir().join("box/other.db")));
    clawgate.signal("HUP");

    let reloaded = clawgate.event("reloaded", 1);
    assert_eq!(reloaded["needs_restart"], serde_json::json!(["inbox.path"]), "{reloaded}");
}
