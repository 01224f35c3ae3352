//! Events whose callers wait for the target's answer.

use super::{KEY, Target, command, metrics, private_name, settings, start, text, track, track_with};
use crate::support::Latch;
use crate::support::backend::Backend;
use crate::support::pki::Pki;

fn waiting(pki: &Pki, api: &Backend) -> Target {
    Target::at(pki, api.address()).set("delivery", "\"wait\"")
}

#[test]
fn the_answer_of_the_target_is_passed_on_with_its_status_and_type_only() {
    let pki = Pki::new();
    let api = Backend::each(|exchange, _| {
        exchange.write(b"HTTP/1.1 418 I'm a teapot\r\nContent-Type: text/x-own\r\nSet-Cookie: a=b\r\nX-Secret: s\r\nContent-Length: 4\r\n\r\ntea!");
    });
    let clawgate = start(&pki, waiting(&pki, &api));

    let answer = track_with(&clawgate, "Idempotency-Key: k-1\r\n", "{\"a\":1}");

    assert_eq!((answer.status, &*text(&answer)), (418, "tea!"));
    assert_eq!(answer.header("content-type"), Some("text/x-own"));
    assert_eq!((answer.header("set-cookie"), answer.header("x-secret")), (None, None));
    let received = api.first();
    assert_eq!(received.value("idempotency-key"), Some("k-1"));
    assert_eq!(received.value("authorization"), Some(&*format!("Bearer {KEY}")));
    let request = clawgate.event("relay_request", 1);
    assert_eq!((&request["status"], &request["upstream"]), (&418.into(), &"analytics".into()));
    assert!(request["upstream_ms"].as_f64().is_some() && request.get("event_id").is_none());
}

#[test]
fn without_an_answer_the_caller_learns_whether_the_event_was_sent() {
    let pki = Pki::new();
    let silent = Backend::each(|_, _| {});
    let closing = Backend::script(|mut exchange| drop(exchange.request()));
    let unused = crate::support::unused_port();
    let target = |name: &str, address| {
        Target::at(&pki, address)
            .set("name", format!("\"{name}\""))
            .set("path", format!("\"/{name}\""))
            .set("delivery", "\"wait\"")
            .set("timeout", "\"300ms\"")
    };
    let targets = [
        target("silent", silent.address()),
        target("closing", closing.address()),
        target("down", unused.address()),
    ];
    let clawgate = command(&pki, &settings(&pki, &targets)).start();

    for (path, status, reason) in [
        ("/silent", 504, "target_no_answer"),
        ("/closing", 502, "target_no_answer"),
        ("/down", 502, "target_unavailable"),
    ] {
        let headers = format!("Authorization: Bearer {}\r\n", super::TOKEN);
        let answer = super::send(&clawgate, &super::post(path, &headers, "{}"));
        assert_eq!((answer.status, answer.reason()), (status, reason.into()), "{path}");
        assert!(!text(&answer).contains("127.0.0.1"), "{}", text(&answer));
    }
    let failed = clawgate.event("delivery_failed", 3);
    assert_eq!((&failed["upstream"], &failed["reason"]), (&"down".into(), &"target_unavailable".into()));
}

#[test]
fn a_caller_does_not_learn_which_address_is_refused() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let Some(url) = private_name(&api) else { return };
    let target = waiting(&pki, &api).without("allow_private").set("url", url);
    let clawgate = start(&pki, target);

    let answer = track(&clawgate, "{}");

    assert_eq!((answer.status, answer.reason()), (502, "target_unavailable".into()));
    assert!(!text(&answer).contains("public"), "{}", text(&answer));
    let failed = clawgate.event("delivery_failed", 1);
    assert!(failed["detail"].as_str().unwrap().contains("not public"), "{failed}");
    assert_eq!(api.connections(), 0);
}

#[test]
fn an_answer_that_is_too_large_is_not_passed_on() {
    let pki = Pki::new();
    let api = Backend::each(|exchange, _| {
        exchange.answer("200 OK", "text/plain", &"x".repeat(1024 * 1024 + 1));
    });
    let clawgate = start(&pki, waiting(&pki, &api));

    let answer = track(&clawgate, "{}");

    assert_eq!((answer.status, answer.reason()), (502, "target_no_answer".into()));
}

#[test]
fn more_callers_than_may_wait_are_refused_with_a_time_to_come_again() {
    let pki = Pki::new();
    let latch = Latch::default();
    let api = Backend::held(&latch);
    let target = waiting(&pki, &api).set("concurrency", "1").set("timeout", "\"10s\"");
    let clawgate = start(&pki, target);

    let statuses: Vec<_> = std::thread::scope(|scope| {
        let first = scope.spawn(|| track(&clawgate, "{}").status);
        api_has(&api, 1);
        let second = scope.spawn(|| track(&clawgate, "{}"));
        let refused = second.join().unwrap();
        assert_eq!(refused.reason(), "target_busy");
        assert!(refused.header("retry-after").is_some());
        latch.open();
        vec![first.join().unwrap(), refused.status]
    });

    assert_eq!(statuses[1], 429);
    assert_eq!(api.received().len(), 1);
}

fn api_has(api: &Backend, count: usize) {
    crate::support::eventually("requests", || (api.received().len() >= count).then_some(()));
}

#[test]
fn the_rate_holds_for_callers_that_wait() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, waiting(&pki, &api).set("rate", "\"1/1h\""));

    let statuses = [(); 2].map(|()| track(&clawgate, "{}").status);
    let refused = track(&clawgate, "{}");

    assert_eq!(statuses, [200, 429]);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 3000);
    assert_eq!(api.received().len(), 1);
}

#[test]
fn nothing_is_stored() {
    let (pki, api) = (Pki::new(), Backend::ok());
    let clawgate = start(&pki, waiting(&pki, &api));
    assert_eq!(track(&clawgate, "{}").status, 200);

    let metrics = metrics(&clawgate);
    assert!(!metrics.contains("clawgate_inbox_appends_total{route=\"relay:analytics\""), "{metrics}");
    assert!(!pki.dir().join("inbox/inbox.db").exists());
}
