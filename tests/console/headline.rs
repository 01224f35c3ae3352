//! The top line names the most urgent of all that is wrong.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clawgate::console::data::{ConsoleData, Expiring, FailedReload};
use clawgate::console::{Urgency, headline, page};
use clawgate::dispatch::{Pause, PausedRoute, UpstreamState};
use clawgate::finding::{Area, Check, Findings, Subject};

use super::console_data::large;

/// In seconds since 1970, as `large` has it.
const NOW: i64 = 1_800_000_000;
const DAY: i64 = 24 * 60 * 60;

/// Nothing is wrong.
fn calm() -> ConsoleData {
    let mut data = large("CN=a");
    data.refusals.clear();
    data.signature_refusals.clear();
    data.expiring.clear();
    let inbox = data.inbox.as_mut().unwrap();
    inbox.dead.clear();
    inbox.routes.clear();
    data
}

fn pause() -> Pause {
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs() - 60);
    Pause { detail: "it answered 401".to_owned(), since, until: since + Duration::from_secs(90) }
}

fn expires(kind: &'static str, left: i64) -> Expiring {
    Expiring { kind, name: "CN=it".to_owned(), at: NOW + left }
}

type Fault = (&'static str, Urgency, &'static str, fn(&mut ConsoleData));

/// From the least urgent to the most urgent: each comes before all above it.
const FAULTS: &[Fault] = &[
    ("doctor", Urgency::Warning, "A check fails: no disk", |data| {
        let failed = Subject::new(Area::Machine, "").fail(Check::Load, "no disk", "buy one");
        data.doctor.last = Some((data.now, Findings { findings: vec![failed] }));
    }),
    ("expiry", Urgency::Warning, "The certificate of the client CN=it expires in 2 days", |data| {
        data.expiring.push(expires("client", 2 * DAY));
    }),
    ("signatures", Urgency::Warning, "Signatures at /hooks/signed are not valid", |data| {
        data.signature_refusals = large("CN=a").signature_refusals;
    }),
    ("reload", Urgency::Warning, "Changed, and not in use yet: listen.address", |data| {
        data.needs_restart.push("listen.address".to_owned());
    }),
    ("dead", Urgency::Warning, "10000 events could not be delivered", |data| {
        data.inbox.as_mut().unwrap().routes = large("CN=a").inbox.unwrap().routes;
    }),
    ("refusals", Urgency::Warning, "CN=a 0 was admitted before, and is refused now", |data| {
        data.refusals = large("CN=a").refusals;
        data.refusals[0].admitted_before = true;
    }),
    ("expiry", Urgency::Warning, "The certificate of clawgate (CN=it) expires in 3 days", |data| {
        data.expiring.push(expires("clawgate", 3 * DAY));
    }),
    ("expiry", Urgency::Fault, "The CRL of CN=it has expired 2 days ago", |data| {
        data.expiring.insert(0, expires("CRL", -2 * DAY));
    }),
    ("inbox", Urgency::Fault, "No event is delivered to http://up: it answered 401", |data| {
        let state =
            UpstreamState { upstream: "http://up".into(), paused: Some(pause()), routes: vec![] };
        data.inbox.as_mut().unwrap().upstreams.push(state);
    }),
    ("inbox", Urgency::Fault, "No event of /hooks/agent is delivered: it answered 401", |data| {
        let (route, class, hint) = (Arc::from("/hooks/agent"), "misconfigured", "set it".to_owned());
        let routes = vec![PausedRoute { route, class, pause: pause(), hint }];
        let state = UpstreamState { upstream: "http://other".into(), paused: None, routes };
        data.inbox.as_mut().unwrap().upstreams.push(state);
    }),
    ("reload", Urgency::Fault, "The last reload failed: no CA", |data| {
        let (at, detail) = ("2027-01-15T08:00:00Z".to_owned(), "no CA\nhint: name one".to_owned());
        data.reload_failed = Some(FailedReload { at, origin: "SIGHUP", detail });
    }),
    ("inbox", Urgency::Fault, "The database of the inbox was damaged", |data| {
        data.inbox.as_mut().unwrap().set_aside = Some("/inbox.db.1".to_owned());
    }),
    ("inbox", Urgency::Fault, "The inbox cannot be used: locked", |data| {
        data.inbox.as_mut().unwrap().error = Some("locked".to_owned());
    }),
];

#[test]
fn each_fault_comes_before_those_that_are_less_urgent_and_says_what_to_do() {
    let mut data = calm();
    assert_eq!(headline(&data).text, "all well");

    for (panel, urgency, text, cause) in FAULTS {
        cause(&mut data);

        let line = headline(&data);

        assert!(line.text.starts_with(text), "{line:?} instead of {text}");
        assert_eq!((line.panel, line.urgency), (*panel, *urgency), "{line:?}");
        assert!(!line.todo.is_empty(), "{line:?}");
        assert!(page(&data).contains(&format!("id=\"{panel}\"")), "{panel}");
    }
}

#[test]
fn what_is_long_past_or_far_away_is_nothing_to_do() {
    let mut data = calm();
    data.refusals = large("CN=a").refusals;
    data.refusals.iter_mut().for_each(|refusal| {
        refusal.admitted_before = true;
        refusal.at = Some(data.now - Duration::from_secs(3601));
    });
    data.expiring = vec![expires("client", -DAY), expires("clawgate", 8 * DAY)];

    assert_eq!(headline(&data).text, "all well");
}
