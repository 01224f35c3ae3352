//! Routes whose requests go to a target.

use super::{KEY, Target, command, settings, text};
use crate::support::backend::Backend;
use crate::support::client::{Answer, Client};
use crate::support::pki::{Leaf, Pki};
use crate::support::process::Clawgate;

fn start(pki: &Pki, target: Target, route: &str) -> Clawgate {
    let toml = settings(pki, &[target]);
    let route = format!("[[route]]\npath = \"/out\"\nrelay = \"analytics\"\n{route}\n");
    command(pki, &(toml + &route)).start()
}

fn send(pki: &Pki, clawgate: &Clawgate, client: &str, body: &str) -> Answer {
    let identity = pki.client(Leaf::client(client));
    let request = format!(
        "POST /out HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer of-the-client\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Client::with_identity(pki, clawgate, &identity).send(&request)
}

#[test]
fn an_event_of_a_client_with_a_certificate_is_stored_and_sent_as_the_target_wants_it() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let target = Target::at(&pki, api.address())
        .set("map", "{ name = \"/eventName\" }")
        .set("id", "\"body:/id\"");
    let clawgate = start(&pki, target, "");

    let event = r#"{"id":"e-1","eventName":"signup","more":1}"#;
    let answer = send(&pki, &clawgate, "agent", event);
    let again = send(&pki, &clawgate, "agent", event);

    assert_eq!((answer.status, &answer.json()["status"]), (202, &"accepted".into()));
    assert_eq!((again.status, &again.json()["id"]), (200, &answer.json()["id"]));
    let received = api.first();
    assert_eq!(received.body, br#"{"name":"signup"}"#);
    assert_eq!(received.value("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!(received.value("x-clawgate-client-cn"), None);
    let request = clawgate.event("request", 1);
    assert_eq!((&request["route"], &request["upstream"]), (&"/out".into(), &"analytics".into()));
    assert_eq!(request["event_id"], answer.json()["id"]);
    assert_eq!(clawgate.event("delivered", 1)["trace_id"], request["trace_id"]);
}

#[test]
fn a_client_that_waits_gets_the_answer_of_the_target() {
    let pki = Pki::new();
    let api =
        Backend::each(|exchange, _| exchange.answer("201 Created", "application/json", "{\"n\":1}"));
    let target = Target::at(&pki, api.address()).set("delivery", "\"wait\"");
    let clawgate = start(&pki, target, "");

    let answer = send(&pki, &clawgate, "agent", "{}");

    assert_eq!((answer.status, &*text(&answer)), (201, "{\"n\":1}"));
    assert!(clawgate.request()["upstream_ms"].as_f64().is_some());
}

#[test]
fn a_client_that_waits_in_vain_gets_a_reason_and_the_operator_a_hint() {
    let pki = Pki::new();
    let unused = crate::support::unused_port();
    let target = Target::at(&pki, unused.address()).set("delivery", "\"wait\"");
    let clawgate = start(&pki, target, "");

    let answer = send(&pki, &clawgate, "agent", "{}");

    assert_eq!((answer.status, answer.reason()), (502, "target_unavailable".into()));
    let failed = clawgate.event("delivery_failed", 1);
    assert_eq!((&failed["upstream"], &failed["cn"]), (&"analytics".into(), &"agent".into()));
}

#[test]
fn the_rules_of_the_route_hold() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, Target::at(&pki, api.address()), "allow = [\"cn=other\"]");

    assert_eq!(send(&pki, &clawgate, "agent", "{}").status, 403);
    assert!(api.received().is_empty());
}
