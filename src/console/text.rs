//! What the console shows, as lines for a terminal (`clawgate top`).

use std::fmt::Write;

use super::data::ConsoleData;
use super::headline::{Urgency, headline};
use super::panels::refusals::grouped;
use super::times::{relative, since_text};
use crate::finding::Severity;
use crate::identity::time::unix_seconds;
use crate::relay::state::TargetTry;

/// Lines of each list.
const SHOWN: usize = 5;

/// The same as the page, as text. All names are escaped already, so that no line has control characters.
pub fn text(data: &ConsoleData) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_all(&mut out, data);
    out
}

fn write_all(out: &mut String, data: &ConsoleData) -> std::fmt::Result {
    let line = headline(data);
    let mark = match line.urgency {
        Urgency::Well => "",
        Urgency::Warning => "warning: ",
        Urgency::Fault => "FAULT: ",
    };
    writeln!(out, "clawgate: {mark}{}", line.text)?;
    if let Some(since) = line.since {
        writeln!(out, "  since {}", since_text(since, data.now))?;
    }
    if !line.todo.is_empty() {
        writeln!(out, "  to do: {}", line.todo)?;
    }
    let last = data.samples.last().copied().unwrap_or_default();
    writeln!(
        out,
        "generation {}, {} open connections, {:.1} requests/s, {:.1} ms, {} failed in 30 s",
        data.generation, data.connections, last.rate, last.latency_ms, last.failures
    )?;
    // What the top line is about comes first, since a terminal may show no more.
    let mut sections = SECTIONS;
    sections.sort_by_key(|(panels, _)| !panels.contains(&line.panel));
    sections.into_iter().try_for_each(|(_, section)| section(out, data))
}

type Section = fn(&mut String, &ConsoleData) -> std::fmt::Result;

/// The sections, with the panels of the page that they are.
const SECTIONS: [(&[&str], Section); 7] = [
    (&["refusals"], refusals),
    (&["inbox", "dead"], stored),
    (&["targets"], targets),
    (&["signatures"], signed),
    (&["expiry"], ends),
    (&["seen"], seen),
    (&["doctor"], checks),
];

fn refusals(out: &mut String, data: &ConsoleData) -> std::fmt::Result {
    let groups = grouped(data);
    writeln!(out, "\nREFUSED CLIENTS ({})", groups.len())?;
    for group in groups.iter().take(SHOWN) {
        let latest = group.latest;
        let at = latest.at.map(|at| since_text(at, data.now)).unwrap_or_default();
        writeln!(out, "  {} {} ×{} {at}", latest.client(), latest.reason, group.count)?;
        writeln!(out, "    {}", latest.detail)?;
    }
    Ok(())
}

fn stored(out: &mut String, data: &ConsoleData) -> std::fmt::Result {
    let Some(inbox) = &data.inbox else { return Ok(()) };
    writeln!(out, "\nINBOX")?;
    if let Some(error) = &inbox.error {
        writeln!(out, "  cannot be used: {error}")?;
    }
    if let Some(deliverer) = inbox.deliverer.as_ref().filter(|_| !inbox.delivering) {
        writeln!(out, "  delivered by {deliverer}")?;
    }
    for upstream in &inbox.upstreams {
        if let Some(pause) = &upstream.paused {
            let until = since_text(pause.until, data.now);
            writeln!(out, "  {} paused: {}; next try {until}", upstream.upstream, pause.detail)?;
        }
        for route in &upstream.routes {
            writeln!(out, "  {} paused ({}): {}", route.route, route.class, route.pause.detail)?;
        }
    }
    for route in inbox.routes.iter().take(2 * SHOWN) {
        let oldest = route.oldest_waiting.map(|at| since_text(at, data.now)).unwrap_or_default();
        let (waiting, dead) = (route.waiting, route.dead);
        writeln!(out, "  {} {waiting} waiting, {dead} dead {oldest}", route.route)?;
    }
    for event in inbox.dead.iter().take(SHOWN) {
        let reason = event.reason.map(|reason| reason.as_str()).unwrap_or_default();
        let at = since_text(event.received, data.now);
        writeln!(out, "  dead {} {} {reason} {at}", event.id, event.route)?;
    }
    Ok(())
}

fn targets(out: &mut String, data: &ConsoleData) -> std::fmt::Result {
    if data.targets.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nRELAY TARGETS")?;
    for target in data.targets.iter().take(2 * SHOWN) {
        let since = |seen: &TargetTry| since_text(seen.at, data.now);
        let worked = target.last_success.as_ref().map(since);
        let worked = worked.unwrap_or_else(|| "not since the start".to_owned());
        write!(out, "  {} accepted {worked}", target.name)?;
        if let Some(rate) = &target.rate {
            write!(out, ", {} of {} left", rate.left, rate.rate)?;
        }
        if let Some(until) = target.paused_until {
            write!(out, ", its limit is reached, next {}", since_text(until, data.now))?;
        }
        writeln!(out)?;
        if let Some(failure) = target.last_failure.as_ref().filter(|_| target.has_failed_last()) {
            writeln!(
                out,
                "    failed {}: {}",
                since(failure),
                failure.detail.as_deref().unwrap_or_default()
            )?;
        }
    }
    Ok(())
}

fn signed(out: &mut String, data: &ConsoleData) -> std::fmt::Result {
    if data.routes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nSIGNATURES")?;
    for route in data.routes.iter().take(2 * SHOWN) {
        let last = route.last_valid.map(|at| since_text(at, data.now));
        let last = last.as_deref().unwrap_or("not since the start");
        let (valid, failed, repeated) = (route.valid, route.failed, route.duplicates);
        writeln!(out, "  {} {valid} valid ({last}), {failed} not, {repeated} repeated", route.route)?;
    }
    Ok(())
}

fn ends(out: &mut String, data: &ConsoleData) -> std::fmt::Result {
    let now = unix_seconds(data.now);
    writeln!(out, "\nEXPIRES")?;
    for item in data.expiring.iter().take(SHOWN) {
        writeln!(out, "  {} {} {}", item.kind, item.name, relative(item.at, now))?;
    }
    Ok(())
}

fn seen(out: &mut String, data: &ConsoleData) -> std::fmt::Result {
    let now = unix_seconds(data.now);
    writeln!(out, "\nLAST SEEN ({})", data.clients.len())?;
    for client in data.clients.iter().take(SHOWN) {
        writeln!(out, "  {} {}", client.subject, relative(client.last, now))?;
    }
    Ok(())
}

fn checks(out: &mut String, data: &ConsoleData) -> std::fmt::Result {
    if let Some((at, findings)) = &data.doctor.last {
        writeln!(out, "\nCHECKS ({})", since_text(*at, data.now))?;
        let failed = |finding: &&crate::finding::Finding| finding.severity >= Severity::Warning;
        for finding in findings.findings.iter().filter(failed).take(SHOWN) {
            writeln!(out, "  {} {}", finding.severity.as_str(), finding.detail)?;
        }
    }
    Ok(())
}
