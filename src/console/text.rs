//! What the console shows, as lines for a terminal (`clawgate top`).

use std::fmt::Write;

use super::data::{ConsoleData, InboxData};
use super::headline::{Urgency, headline};
use super::panels::refusals::grouped;
use super::times::{relative, since_text};
use crate::finding::Severity;
use crate::identity::time::unix_seconds;

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
    if !line.todo.is_empty() {
        writeln!(out, "  to do: {}", line.todo)?;
    }
    let last = data.samples.last().copied().unwrap_or_default();
    writeln!(
        out,
        "generation {}, {} open connections, {:.1} requests/s, {:.1} ms, {} failed in 30 s",
        data.generation, data.connections, last.rate, last.latency_ms, last.failures
    )?;
    refusals(out, data)?;
    if let Some(inbox) = &data.inbox {
        stored(out, data, inbox)?;
    }
    signed(out, data)?;
    ends(out, data)
}

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

fn stored(out: &mut String, data: &ConsoleData, inbox: &InboxData) -> std::fmt::Result {
    writeln!(out, "\nINBOX")?;
    if let Some(error) = &inbox.error {
        writeln!(out, "  cannot be used: {error}")?;
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
    writeln!(out, "\nLAST SEEN ({})", data.clients.len())?;
    for client in data.clients.iter().take(SHOWN) {
        writeln!(out, "  {} {}", client.subject, relative(client.last, now))?;
    }
    if let Some((at, findings)) = &data.doctor.last {
        writeln!(out, "\nCHECKS ({})", since_text(*at, data.now))?;
        let failed = |finding: &&crate::finding::Finding| finding.severity >= Severity::Warning;
        for finding in findings.findings.iter().filter(failed).take(SHOWN) {
            writeln!(out, "  {} {}", finding.severity.as_str(), finding.detail)?;
        }
    }
    Ok(())
}
