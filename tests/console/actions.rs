//! The actions of the console, and what must not carry them out.

use std::fs;
use std::io::Write;

use super::stored_events::fill;
use super::{
    act, client, confirm, form, nonce, page_with, panel, post_form, send_form, text, with_inbox,
};
use crate::inbox::support::post;
use crate::support::backend::Backend;
use crate::support::client::{Client, connect};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::ClawgateCommand;
use crate::support::{eventually, plain};

#[test]
fn only_a_form_of_the_page_itself_is_carried_out() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let address = clawgate.admin();
    let nonce = nonce(&text(address, "/"));
    let good = format!("nonce={nonce}");
    let own = format!("Origin: http://{address}\r\n");
    let status = |fields: &str, body: &str| send_form(address, "reload", fields, body).status;

    assert_eq!(status("Origin: http://evil.example\r\n", &good), 403);
    assert_eq!(status("Origin: http://localhost:1\r\n", &good), 403);
    assert_eq!(status("Origin: null\r\n", &good), 403);
    assert_eq!(status("Sec-Fetch-Site: cross-site\r\n", &good), 403);
    assert_eq!(status(&format!("{own}Sec-Fetch-Site: same-site\r\n"), &good), 403);
    assert_eq!(status(&own, "nonce=guess"), 403);
    assert_eq!(status(&own, ""), 403);
    assert!(clawgate.events("reloaded").is_empty());
    let refused = clawgate.event("admin_action", 7);
    assert_eq!((&refused["result"], &refused["action"]), (&"refused".into(), &"reload".into()));

    assert_eq!(status(&own, &good), 303);
    assert_eq!(status("", &good), 303);
    assert_eq!(status("Origin: null\r\nSec-Fetch-Site: same-origin\r\n", &good), 303);
    clawgate.event("reloaded", 3);
    let done = clawgate.event("admin_action", 8);
    assert_eq!(done["result"], "done");
    assert!(done["who"].as_str().unwrap().starts_with("127.0.0.1:"), "{done}");
}

#[test]
fn other_methods_types_and_names_change_nothing() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let address = clawgate.admin();
    let json = b"POST /actions/reload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                 Content-Length: 2\r\nConnection: close\r\n\r\n{}";
    let foreign = b"POST /actions/reload HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\
                    Connection: close\r\n\r\n";

    assert_eq!(plain::get(address, "/actions/reload").status, 405);
    assert_eq!(plain::request(address, "POST", "/").status, 405);
    assert_eq!(plain::exchange(address, json).unwrap().status, 415);
    assert_eq!(plain::exchange(address, foreign).unwrap().status, 403);
    assert_eq!(plain::get(address, "/confirm?action=deny&target=x").status, 405);
    assert_eq!(send_form(address, "nothing", "", "").status, 404);
    assert_eq!(send_form(address, "reload", "", &"x".repeat(9000)).status, 400);
    assert!(clawgate.events("reloaded").is_empty());
}

#[test]
fn a_dead_letter_is_replayed_dropped_and_forgotten() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| exchange.answer("422 No", "text/plain", ""));
    let clawgate = with_inbox(&pki, &backend.url()).start();
    for number in 0..2 {
        client(&pki, &clawgate, "fathom").send(&post("", &number.to_string()));
    }
    clawgate.event("dead_lettered", 2);
    // The outcome of a try is logged before it is stored.
    let page = eventually("both dead letters", || {
        let page = text(clawgate.admin(), "/");
        page.contains("2 events could not be delivered").then_some(page)
    });
    let dead = panel(&page, "dead");
    let ids: Vec<_> =
        dead.split("/events/").skip(1).map(|part| part.split('"').next().unwrap()).collect();

    assert!(act(&clawgate, "replay", ids[0]).contains("waits for its delivery again"));
    eventually("the third try", || (backend.received().len() == 3).then_some(()));
    clawgate.event("dead_lettered", 3);
    let question = confirm(&clawgate, "drop", ids[0]);
    assert!(question.contains("Are you sure") && question.contains(ids[0]), "{question}");
    assert!(act(&clawgate, "drop", ids[0]).contains("is removed"));
    assert!(act(&clawgate, "drop", ids[0]).contains("There is no event"));
    assert!(act(&clawgate, "forget", ids[1]).contains("is forgotten"));
    assert!(act(&clawgate, "replay", "nonsense").contains("not the id of an event"));

    assert!(panel(&text(clawgate.admin(), "/"), "dead").contains("None."));
    let line = clawgate.event("admin_action", 1);
    assert_eq!((&line["action"], &line["target"]), (&"replay".into(), &ids[0].into()));
    assert_eq!(clawgate.event("admin_action", 3)["result"], "failed");
}

#[test]
fn a_client_on_the_denylist_is_refused_from_then_on() {
    let pki = Pki::new();
    let clawgate = with_inbox(&pki, "echo:").start();
    let identity = pki.client(Leaf::client("thief"));
    let mut open = Client::with_identity(&pki, &clawgate, &identity).connect().unwrap();
    open.write(post("", "1").as_bytes());
    assert_eq!(open.answer().status, 202);
    page_with(&clawgate, "seen", "CN=thief");

    let outcome = act(&clawgate, "deny", &identity.fingerprint());

    assert!(outcome.contains("refused from now on"), "{outcome}");
    let list = fs::read_to_string(pki.dir().join("denylist")).unwrap();
    let expected = format!("# nobody yet\nfingerprint={}  # O=Example,CN=thief", identity.fingerprint());
    assert!(list.starts_with(&expected) && list.ends_with("Z\n"), "{list}");
    Client::with_identity(&pki, &clawgate, &identity).refused();
    assert_eq!(clawgate.event("handshake_failed", 1)["reason"], "client_cert_revoked");
    assert!(act(&clawgate, "deny", &identity.fingerprint()).contains("on the denylist already"));
    assert!(act(&clawgate, "deny", "abc").contains("no SHA-256"));
}

#[test]
fn without_the_setting_the_page_has_the_line_for_the_denylist_and_no_button() {
    let pki = Pki::new();
    let list = pki.file("denied", "");
    let clawgate = ClawgateCommand::new(&pki).arg("--denylist", list).upstream("echo:").admin().start();
    let expired = pki.client(Leaf::client("old").valid(-500, -200));
    Client::with_identity(&pki, &clawgate, &expired).refused();

    let page = page_with(&clawgate, "refusals", "Line for the denylist");

    assert!(!page.contains("value=\"deny\""), "{page}");
    assert!(act(&clawgate, "deny", &expired.fingerprint()).contains("admin.edit_denylist is off"));
    assert_eq!(fs::read_to_string(pki.dir().join("denied")).unwrap(), "");
}

#[test]
fn a_paused_route_is_tried_at_once_and_another_is_not() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, _| exchange.answer("401 Unauthorized", "text/plain", ""));
    let clawgate = with_inbox(&pki, &backend.url()).start();
    client(&pki, &clawgate, "fathom").send(&post("", "1"));
    let page = page_with(&clawgate, "inbox", "misconfigured");
    assert!(page.contains("No event of /hooks/agent is delivered"), "{page}");

    assert!(act(&clawgate, "resume_route", "/hooks/other").contains("is not paused"));
    let before = backend.received().len();
    assert!(act(&clawgate, "resume_route", "/hooks/agent").contains("is tried now"));
    eventually("another try", || (backend.received().len() > before).then_some(()));
}

#[test]
fn the_checks_run_in_the_sandbox_and_are_shown() {
    let pki = Pki::new();
    let backend = Backend::ok();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).admin().start();

    let outcome = act(&clawgate, "doctor", "");

    assert!(outcome.contains("The checks have run"), "{outcome}");
    let found = panel(&text(clawgate.admin(), "/"), "doctor");
    assert!(found.contains("pass"), "{found}");
}

#[test]
fn the_page_that_asks_is_for_forms_of_the_page_only() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let address = clawgate.admin();
    let good = format!("action=drop&target=x&nonce={}", nonce(&text(address, "/")));
    let status = |fields: &str, body: &str| post_form(address, "/confirm", fields, body).status;

    assert_eq!(status("", &good), 200);
    assert_eq!(status("Sec-Fetch-Site: cross-site\r\n", &good), 403);
    assert_eq!(status("Origin: http://evil.example\r\n", &good), 403);
    assert_eq!(status("", "action=drop&target=x"), 403);
    assert_eq!(status("", &good.replace("drop", "reload")), 404);
}

#[test]
fn a_browser_that_does_not_say_where_its_form_is_from_gets_a_page_that_says_what_to_do() {
    let pki = Pki::new();
    let clawgate = ClawgateCommand::new(&pki).upstream("echo:").admin().start();
    let body = format!("nonce={}", nonce(&text(clawgate.admin(), "/")));

    let answer = send_form(clawgate.admin(), "reload", "Origin: null\r\n", &body);

    let page = String::from_utf8(answer.body.clone()).unwrap();
    assert_eq!(
        (answer.status, answer.header("content-type").unwrap()),
        (403, "text/html; charset=utf-8")
    );
    assert!(page.contains("SSH tunnel") && page.contains("href=\"/\""), "{page}");
    assert!(clawgate.events("reloaded").is_empty());
}

#[test]
fn all_dead_letters_of_a_route_are_replayed_with_one_event_in_the_log() {
    let pki = Pki::new();
    let backend = Backend::ok();
    fill(&pki, "/hooks/agent", 700, 600);
    fill(&pki, "/hooks/other", 3, 3);
    let clawgate = with_inbox(&pki, &backend.url()).start();
    page_with(&clawgate, "dead", "600 dead events of /hooks/agent");

    let question = confirm(&clawgate, "replay_all", "/hooks/agent");
    assert!(question.contains("600 dead events of /hooks/agent"), "{question}");
    let outcome = act(&clawgate, "replay_all", "/hooks/agent");

    assert_eq!(outcome, "600 events of /hooks/agent wait for their delivery again.");
    eventually("all of them at the upstream", || (backend.received().len() == 700).then_some(()));
    let line = clawgate.event("admin_action", 1);
    assert_eq!((&line["action"], &line["target"]), (&"replay_all".into(), &"/hooks/agent".into()));
    assert_eq!(line["detail"], outcome);
    let page = page_with(&clawgate, "dead", "3 dead events of /hooks/other");
    assert!(!panel(&page, "dead").contains("/hooks/agent"), "{page}");
}

#[test]
fn all_dead_letters_of_a_route_are_forgotten_and_only_those() {
    let pki = Pki::new();
    fill(&pki, "/hooks/agent", 5, 4);
    fill(&pki, "/hooks/other", 3, 3);
    let clawgate = with_inbox(&pki, &Backend::ok().url()).start();
    clawgate.event("delivered", 1);

    assert_eq!(act(&clawgate, "forget_all", "/hooks/agent"), "4 events of /hooks/agent are forgotten.");
    assert_eq!(act(&clawgate, "drop_all", "/hooks/other"), "3 events of /hooks/other are removed.");

    assert!(act(&clawgate, "forget_all", "/hooks/agent").contains("No event of /hooks/agent is dead"));
    let page = text(clawgate.admin(), "/");
    assert!(panel(&page, "dead").contains("None.") && panel(&page, "events").contains("delivered"));
}

#[test]
fn an_action_goes_on_to_its_end_and_is_logged_if_the_browser_goes_away() {
    let pki = Pki::new();
    fill(&pki, "/hooks/agent", 2000, 2000);
    let clawgate = with_inbox(&pki, &Backend::ok().url()).start();
    let address = clawgate.admin();
    let body = format!("nonce={}&target=/hooks/agent", nonce(&text(address, "/")));

    let mut browser = connect(address);
    browser.write_all(form(address, "/actions/forget_all", "", &body).as_bytes()).unwrap();
    page_with(&clawgate, "events", "");
    plain::reset(browser);

    assert_eq!(
        clawgate.event("admin_action", 1)["detail"],
        "2000 events of /hooks/agent are forgotten."
    );
    page_with(&clawgate, "dead", "None.");
}
