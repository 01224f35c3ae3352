//! Checks the inbox: its files, its space, what waits in it, and whether it is delivered.

mod deliveries;
#[cfg(feature = "jetstream")]
mod nats;

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::checks::inbox::{stored, without_route};
use crate::config::Settings;
use crate::finding::{Area, Check, Finding, Severity, Subject};
use crate::identity::time::span;
use crate::inbox::{InboxSettings, RouteTotals, StorePlace, StoreTotals};

/// An event that waits for longer is worth a warning: a restart of OpenClaw takes up to 6 minutes.
const LONG: Duration = Duration::from_secs(10 * 60);
/// The part of a limit from which on there is a warning, in percent.
const NEARLY: u64 = 80;
/// Permission bits of the group and of all others.
const OTHERS: u32 = 0o077;

/// What there is to say of the inbox. Nothing, if no route stores events and no database is named.
pub(super) async fn findings(settings: &Settings, now: SystemTime) -> Vec<Finding> {
    let Some(place) = &settings.inbox_place else { return Vec::new() };
    let subject = Subject::new(Area::Inbox, place);
    let inbox = settings.startup.inbox.as_ref();
    let mut found = Vec::new();
    if let Some(path) = place.database() {
        found.extend(set_aside(&subject, path));
        found.extend(path.exists().then(|| modes(&subject, path)));
    }
    #[cfg(feature = "jetstream")]
    if let Some(nats) = place.jetstream() {
        found.extend(nats::findings(settings, nats, &subject).await);
    }
    let is_unusable = found.iter().any(|finding| finding.severity == Severity::Fail);
    if is_unusable && place.jetstream().is_some() {
        // It would only be waited for.
        return found;
    }
    let has_no_stream =
        |finding: &Finding| finding.name == Check::Stream && finding.severity == Severity::Skipped;
    if inbox.is_none() && found.iter().any(has_no_stream) {
        // Nothing is stored: NATS is only used for delivered requests.
        return found;
    }
    match stored(place).await {
        // The same once more: clawgate refuses such files.
        Err(_) if is_unusable => {}
        Ok(Some(totals)) => {
            if let Some(inbox) = inbox {
                found.extend([space(&subject, inbox, &totals), events(&subject, inbox, &totals)]);
            }
            found.extend([waiting(&subject, &totals, now), dead(&subject, &totals)]);
            found.extend(without_route(settings, place, &totals));
        }
        Ok(None) => {
            let detail = "there is no such file: no event was stored yet";
            found.push(subject.skipped(Check::Readable, detail));
        }
        Err(why) => found.push(unreadable(&subject, place, why)),
    }
    if inbox.is_some() {
        found.extend(deliveries::findings(settings, &subject).await);
    }
    found
}

/// Whoever may not read the database cannot say what is in it. That is no fault of the database.
fn unreadable(subject: &Subject, place: &StorePlace, why: String) -> Finding {
    let Some(path) = place.database() else {
        let hint = "see docs/inbox.md, and the log of the NATS servers";
        return subject.fail(Check::Readable, why, hint);
    };
    let denied = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    if OpenOptions::new().read(true).write(true).open(path).is_err_and(denied) {
        let detail = "this user may not use it: run this command as clawgate's user to have it checked";
        return subject.skipped(Check::Readable, detail);
    }
    let hint = "see docs/inbox.md; `clawgate inbox recover` reads what is left of a damaged database";
    subject.fail(Check::Readable, why, hint)
}

/// Stored requests are nobody else's business.
fn modes(subject: &Subject, path: &Path) -> Finding {
    let mode = |path: &Path| path.metadata().map_or(0, |file| file.permissions().mode());
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = whole.parent().unwrap_or(&whole);
    for (path, wanted) in [(folder, "700"), (whole.as_path(), "600")] {
        if mode(path) & OTHERS != 0 {
            let shown = path.display();
            let detail = format!("other users have rights to {shown} (mode {:03o})", mode(path) & 0o777);
            return subject.fail(Check::Modes, detail, format!("chmod {wanted} {shown}"));
        }
    }
    subject.pass(Check::Modes, "only its owner can read it")
}

/// Damaged databases that were renamed at a start.
fn set_aside(subject: &Subject, path: &Path) -> Option<Finding> {
    let beginning = format!("{}.corrupt-", path.file_name()?.to_str()?);
    let whole = std::path::absolute(path).ok()?;
    let names = fs::read_dir(whole.parent()?)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_database = |name: &String| {
        name.starts_with(&beginning) && !name.ends_with("-wal") && !name.ends_with("-shm")
    };
    let last = names.filter(is_database).max()?;
    let last = whole.with_file_name(last);
    let detail =
        format!("a damaged database was set aside: {}; its events are not delivered", last.display());
    let hint = format!("run `clawgate inbox recover {}`, then remove the file", last.display());
    Some(subject.warning(Check::SetAside, detail, hint))
}

fn space(subject: &Subject, inbox: &InboxSettings, totals: &StoreTotals) -> Finding {
    let InboxSettings { max_bytes, min_free, .. } = inbox;
    let StoreTotals { used_bytes, free_bytes, .. } = totals;
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    let [used, free, most, least] = [*used_bytes, *free_bytes, *max_bytes, *min_free].map(mebibytes);
    if free_bytes < min_free {
        let detail = format!(
            "{free} of the file system are free, less than inbox.min_free ({least}): senders get 503"
        );
        return subject.fail(Check::Space, detail, "make room on the file system");
    }
    if used_bytes >= max_bytes {
        let detail =
            format!("{used} are used, as much as inbox.max_bytes ({most}) allows: senders get 503");
        return subject.fail(Check::Space, detail, "find out why events wait, or raise inbox.max_bytes");
    }
    let detail = match inbox.place {
        StorePlace::Sqlite { .. } => {
            format!("{used} of {most} are used, {free} of the file system are free")
        }
        StorePlace::JetStream(_) => format!("{used} of {most} are used"),
    };
    if *used_bytes >= max_bytes / 100 * NEARLY {
        return subject.warning(
            Check::Space,
            detail,
            "find out why events wait, or raise inbox.max_bytes",
        );
    }
    subject.pass(Check::Space, detail)
}

fn events(subject: &Subject, inbox: &InboxSettings, totals: &StoreTotals) -> Finding {
    let InboxSettings { max_events, .. } = inbox;
    let count: u64 = totals.routes.iter().map(|route| route.waiting + route.dead).sum();
    let hint = "find out why events wait, drop dead ones, or raise inbox.max_events";
    let detail = format!("{count} of {max_events} events wait or are dead");
    if count >= *max_events {
        return subject.fail(Check::Room, format!("{detail}: senders get 503"), hint);
    }
    if count.saturating_mul(100) >= max_events.saturating_mul(NEARLY) {
        return subject.warning(Check::Room, detail, hint);
    }
    subject.pass(Check::Room, detail)
}

fn waiting(subject: &Subject, totals: &StoreTotals, now: SystemTime) -> Finding {
    let count: u64 = totals.routes.iter().map(|route| route.waiting).sum();
    let oldest =
        totals.routes.iter().filter_map(|route| Some((route.oldest_waiting?, &route.route))).min();
    let Some((since, route)) = oldest else {
        return subject.pass(Check::Waiting, "no event waits");
    };
    // Never negative, since the clock may have been set back.
    let age = now.duration_since(since).unwrap_or_default();
    let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
    let detail =
        format!("{count} wait; the oldest has waited for {}, for the route {route}", span(seconds));
    if age > LONG {
        let hint = "see why with `clawgate inbox list --state waiting` and `clawgate inbox show`";
        return subject.warning(Check::Waiting, detail, hint);
    }
    subject.pass(Check::Waiting, detail)
}

fn dead(subject: &Subject, totals: &StoreTotals) -> Finding {
    let routes: Vec<_> = totals.routes.iter().filter(|route| route.dead > 0).collect();
    if routes.is_empty() {
        return subject.pass(Check::Dead, "every event could be delivered");
    }
    let of_route = |route: &&RouteTotals| format!("{} of the route {}", route.dead, route.route);
    let listed = routes.iter().map(of_route).collect::<Vec<_>>().join(", ");
    let hint =
        "see why with `clawgate inbox list --state dead`; then `clawgate inbox replay` or `drop` them";
    subject.warning(Check::Dead, format!("events that could not be delivered: {listed}"), hint)
}
