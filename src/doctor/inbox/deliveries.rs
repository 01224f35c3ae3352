//! Whether the running clawgate delivers what is stored, as it says itself.

use serde_json::Value;

use super::super::admin::call;
use super::super::probe::Reply;
use crate::config::Settings;
use crate::finding::{Check, Finding, Subject};

pub(super) async fn findings(settings: &Settings, subject: &Subject) -> Vec<Finding> {
    match status(settings).await {
        Some(inbox) => of_status(subject, &inbox),
        None => {
            let detail = "no running clawgate says whether it delivers";
            vec![subject.skipped(Check::Deliveries, detail)]
        }
    }
}

/// What the running clawgate says of its inbox; `None` if there is none, or it requires a token.
async fn status(settings: &Settings) -> Option<Value> {
    let Ok(Reply::Http(answer)) = call(settings.startup.admin.as_ref()?, "/status").await else {
        return None;
    };
    let status: Value = serde_json::from_slice(&answer.body).ok()?;
    status.get("inbox").filter(|inbox| inbox.is_object()).cloned()
}

fn of_status(subject: &Subject, inbox: &Value) -> Vec<Finding> {
    if let Some(error) = inbox["error"].as_str() {
        let detail = format!("the running clawgate cannot use the inbox: {error}");
        return vec![subject.fail(Check::Deliveries, detail, "see its log; it tries again by itself")];
    }
    let other = (inbox["delivering"] == Value::Bool(false)).then(|| &inbox["deliverer"]);
    if other.is_some_and(Value::is_null) {
        let detail = "the running clawgate stores events, but does not deliver them, and no other instance says that it does";
        let hint = "this is so for some seconds during a hand-over; otherwise: with a database, find the other process that has \
                    the file open (fuser); with NATS, see whether clawgate may subscribe to the subject with .peers at its end";
        return vec![subject.warning(Check::Deliveries, detail, hint)];
    }
    let upstreams = inbox["upstreams"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found: Vec<_> = upstreams.iter().flat_map(|upstream| of_upstream(subject, upstream)).collect();
    if found.is_empty() {
        let who = other.map_or_else(
            || "the running clawgate".to_owned(),
            |other| format!("another instance (process {} of {})", other["pid"], text(&other["host"])),
        );
        return vec![subject.pass(Check::Deliveries, format!("{who} delivers to every upstream"))];
    }
    found
}

fn of_upstream(subject: &Subject, upstream: &Value) -> Vec<Finding> {
    let name = text(&upstream["upstream"]);
    let mut found = Vec::new();
    if let Some(pause) = upstream["paused"].as_object() {
        let of = |key: &str| pause.get(key).map(text).unwrap_or_default();
        let detail = format!("{name} is paused since {}: {}", of("since"), of("detail"));
        let hint = format!("events wait until it answers again; the next try is at {}", of("until"));
        found.push(subject.warning(Check::Deliveries, detail, hint));
    }
    for route in upstream["routes"].as_array().into_iter().flatten() {
        let detail = format!(
            "the route {} is paused since {}: {name} {}",
            text(&route["route"]),
            text(&route["since"]),
            text(&route["detail"])
        );
        found.push(subject.warning(Check::Deliveries, detail, text(&route["hint"])));
    }
    found
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("?").to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::finding::{Area, Severity};

    fn found(inbox: &Value) -> Vec<(Severity, String, String)> {
        let found = of_status(&Subject::new(Area::Inbox, "x"), inbox).into_iter();
        found.map(|one| (one.severity, one.detail, one.hint.unwrap_or_default())).collect()
    }

    #[test]
    fn each_pause_is_a_warning_with_what_to_do() {
        let pause = json!({ "detail": "refused the connection", "since": "S", "until": "U" });
        let route = json!({
            "route": "/a", "class": "misconfigured", "detail": "answered 401", "since": "S", "until": "U",
            "hint": "set the token",
        });
        let inbox = json!({ "delivering": true, "upstreams": [
            { "upstream": "http://a", "paused": pause, "routes": [] },
            { "upstream": "http://b", "paused": null, "routes": [route] },
        ] });

        let found = found(&inbox);

        assert_eq!(
            found,
            [
                (
                    Severity::Warning,
                    "http://a is paused since S: refused the connection".to_owned(),
                    "events wait until it answers again; the next try is at U".to_owned()
                ),
                (
                    Severity::Warning,
                    "the route /a is paused since S: http://b answered 401".to_owned(),
                    "set the token".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn without_a_pause_all_is_well() {
        let inbox = json!({ "delivering": true, "upstreams": [{ "upstream": "a", "paused": null, "routes": [] }] });
        assert_eq!(found(&inbox)[0].0, Severity::Pass);
    }

    #[test]
    fn the_other_instance_that_delivers_is_named() {
        let found = found(&json!({
            "delivering": false, "deliverer": { "host": "claw-2", "pid": 7 }, "upstreams": [],
        }));
        let detail = "another instance (process 7 of claw-2) delivers to every upstream".to_owned();
        assert_eq!(found, [(Severity::Pass, detail, String::new())]);
    }

    #[test]
    fn a_process_that_does_not_deliver_and_one_that_cannot_read_are_told() {
        let other = found(&json!({ "delivering": false, "upstreams": [] }));
        assert_eq!(other[0].0, Severity::Warning);
        let broken = found(&json!({ "delivering": true, "error": "the disk is full", "upstreams": [] }));
        assert_eq!((broken[0].0, broken[0].1.contains("the disk is full")), (Severity::Fail, true));
    }
}
