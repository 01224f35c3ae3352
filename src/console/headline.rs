//! The top line: "all well", or the one thing to do.

use std::time::SystemTime;

use crate::dispatch::Pause;
use crate::finding::Severity;
use crate::identity::time::unix_seconds;
use crate::relay::state::TargetState;

use super::data::{ConsoleData, InboxData};
use super::times::relative;

/// How near the end of a certificate is a thing to do, in seconds.
const SOON: i64 = 7 * 24 * 60 * 60;
/// How long a refusal is a thing to do, in seconds.
const RECENT: i64 = 60 * 60;

/// How urgent the top line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Nothing is to be done.
    Well,
    /// It should be done soon.
    Warning,
    /// Requests are refused, or events are not delivered.
    Fault,
}

/// The top line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// How urgent it is.
    pub urgency: Urgency,
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub todo: String,
    /// Since when. It is not part of the text, so that the text changes only if something else is wrong.
    pub since: Option<SystemTime>,
    /// The panel that has more about it, as the `id` of its element.
    pub panel: &'static str,
}

fn fault(panel: &'static str, text: String, todo: impl Into<String>) -> Option<Headline> {
    Some(Headline { urgency: Urgency::Fault, text, todo: todo.into(), since: None, panel })
}

fn warning(panel: &'static str, text: String, todo: impl Into<String>) -> Option<Headline> {
    Some(Headline { urgency: Urgency::Warning, text, todo: todo.into(), since: None, panel })
}

/// The most urgent of all that is wrong.
pub fn headline(data: &ConsoleData) -> Headline {
    let inbox = data.inbox.as_ref();
    let checks = [
        inbox.and_then(store),
        reload(data),
        inbox.and_then(paused),
        own_expiry(data),
        known_client(data),
        inbox.and_then(dead),
        target(data),
        restart(data),
        signatures(data),
        client_expiry(data),
        doctor(data),
    ];
    let well = || Headline {
        urgency: Urgency::Well,
        text: "all well".to_owned(),
        todo: String::new(),
        since: None,
        panel: "rates",
    };
    checks.into_iter().flatten().next().unwrap_or_else(well)
}

fn store(inbox: &InboxData) -> Option<Headline> {
    if let Some(error) = &inbox.error {
        let todo = "Correct that and restart clawgate. Until then routes with an inbox answer 503.";
        return fault("inbox", format!("The inbox cannot be used: {error}"), todo);
    }
    let file = inbox.set_aside.as_ref()?;
    let text = format!("The database of the inbox was damaged, and was set aside as {file}");
    fault("inbox", text, format!("Take over what can be read of it: clawgate inbox recover {file}"))
}

fn reload(data: &ConsoleData) -> Option<Headline> {
    let failed = data.reload_failed.as_ref()?;
    let first = failed.detail.lines().next().unwrap_or_default();
    let todo = "Correct that and reload. clawgate serves with the settings from before.";
    fault("reload", format!("The last reload failed: {first}"), todo)
}

/// A misconfigured route comes first: it stays so until somebody corrects it. An upstream that is down may come back.
fn paused(inbox: &InboxData) -> Option<Headline> {
    let since =
        |line: Option<Headline>, pause: &Pause| Some(Headline { since: Some(pause.since), ..line? });
    let routes = || inbox.upstreams.iter().flat_map(|upstream| &upstream.routes);
    if let Some(route) = routes().find(|route| route.class == "misconfigured") {
        let text = format!("No event of {} is delivered: {}", route.route, route.pause.detail);
        return since(fault("inbox", text, route.hint.clone()), &route.pause);
    }
    for upstream in &inbox.upstreams {
        if let Some(pause) = &upstream.paused {
            let text = format!("No event is delivered to {}: {}", upstream.upstream, pause.detail);
            return since(fault("inbox", text, "Start it, then choose “Try now”."), pause);
        }
    }
    let route = routes().next()?;
    let text = format!("Deliveries of {} wait: {}", route.route, route.pause.detail);
    since(warning("inbox", text, route.hint.clone()), &route.pause)
}

fn own_expiry(data: &ConsoleData) -> Option<Headline> {
    expiry(data, |kind| kind != "client")
}

fn client_expiry(data: &ConsoleData) -> Option<Headline> {
    expiry(data, |kind| kind == "client")
}

fn expiry(data: &ConsoleData, is_meant: impl Fn(&str) -> bool) -> Option<Headline> {
    let now = unix_seconds(data.now);
    let soonest = data.expiring.iter().find(|expiring| is_meant(expiring.kind))?;
    let left = soonest.at - now;
    let what = match soonest.kind {
        "clawgate" => format!("The certificate of clawgate ({})", soonest.name),
        "clawgate, to upstreams" => format!("The certificate that upstreams see ({})", soonest.name),
        "client CA" => format!("The client CA {}", soonest.name),
        "CRL" => format!("The CRL of {}", soonest.name),
        _ => format!("The certificate of the client {}", soonest.name),
    };
    let todo = match soonest.kind {
        "CRL" => "Fetch a new CRL.",
        "client CA" => "Add its successor to clients.ca.",
        _ => "Renew it.",
    };
    if left < 0 && soonest.kind != "client" {
        return fault("expiry", format!("{what} has expired {}", relative(soonest.at, now)), todo);
    }
    (0..SOON).contains(&left).then_some(())?;
    warning("expiry", format!("{what} expires {}", relative(soonest.at, now)), todo)
}

fn is_recent(at: Option<SystemTime>, data: &ConsoleData) -> bool {
    at.is_some_and(|at| unix_seconds(data.now) - unix_seconds(at) < RECENT)
}

fn known_client(data: &ConsoleData) -> Option<Headline> {
    let known = |refusal: &&super::data::Refusal| refusal.admitted_before && is_recent(refusal.at, data);
    let refusal = data.refusals.iter().find(known)?;
    let text =
        format!("{} was admitted before, and is refused now: {}", refusal.client(), refusal.detail);
    warning("refusals", text, refusal.hint.clone())
}

fn dead(inbox: &InboxData) -> Option<Headline> {
    let text = match inbox.dead_count() {
        0 => return None,
        1 => "1 event could not be delivered".to_owned(),
        count => format!("{count} events could not be delivered"),
    };
    warning("dead", text, "See why, then replay or drop it.")
}

fn target(data: &ConsoleData) -> Option<Headline> {
    let is_recent = |target: &&TargetState| {
        let failure = target.last_failure.as_ref().filter(|_| target.has_failed_last());
        is_recent(failure.map(|failure| failure.at), data)
    };
    let target = data.targets.iter().find(is_recent)?;
    let detail = target.last_failure.as_ref().and_then(|failure| failure.detail.as_deref());
    let text = format!(
        "The last request to the target {} failed: {}",
        target.name,
        detail.unwrap_or("it was not accepted")
    );
    let todo = "Run the checks: they call the target. docs/relay.md says what each status means.";
    warning("targets", text, todo)
}

fn restart(data: &ConsoleData) -> Option<Headline> {
    let keys = &data.needs_restart;
    (!keys.is_empty()).then_some(())?;
    let text = format!("Changed, and not in use yet: {}", keys.join(", "));
    warning("reload", text, "Restart clawgate, or take the change back.")
}

fn signatures(data: &ConsoleData) -> Option<Headline> {
    let refusal = data.signature_refusals.iter().find(|refusal| is_recent(refusal.at, data))?;
    let text = format!("Signatures at {} are not valid: {}", refusal.route, refusal.detail);
    warning("signatures", text, refusal.hint.clone())
}

fn doctor(data: &ConsoleData) -> Option<Headline> {
    let (_, findings) = data.doctor.last.as_ref()?;
    let failed = findings.findings.iter().find(|finding| finding.severity == Severity::Fail)?;
    let todo = failed.hint.clone().unwrap_or_default();
    warning("doctor", format!("A check fails: {}", failed.detail), todo)
}
