//! The inbox: what holds for all routes. Those of single routes are in `route.rs`.

mod route;

use std::path::PathBuf;

use super::resolver::Resolver;
use crate::config::inbox::Delivery;
use crate::config::keys::inbox;
use crate::config::layers::Sourced;
use crate::config::problem::{Found, Origin};
use crate::inbox::InboxSettings;

pub(super) use self::route::of_route;

/// The name of the database in the folder that systemd gives.
const FILE: &str = "inbox.db";

/// The settings of the inbox; `None` if no route uses it.
pub(super) fn of_routes(r: &mut Resolver<'_>) -> Found<Option<InboxSettings>> {
    let Some(user) = first_user(r) else { return Ok(None) };
    settings(r, Some(&user)).map(Some)
}

/// The settings of the inbox, whether or not a route uses it. `user` is where the first one says so.
pub(super) fn settings(r: &mut Resolver<'_>, user: Option<&Origin>) -> Found<InboxSettings> {
    let path = path(r, user);
    Ok(InboxSettings {
        path: path?.value,
        max_events: r.value(&inbox::MAX_EVENTS)?,
        max_bytes: r.value(&inbox::MAX_BYTES)?,
        min_free: r.value(&inbox::MIN_FREE)?,
        retain: r.value(&inbox::RETAIN)?,
        retain_dead: r.value(&inbox::RETAIN_DEAD)?,
        keep_bodies: r.value(&inbox::KEEP_BODIES)?,
        retry_first: r.value(&inbox::RETRY_FIRST)?,
        retry_max: r.value(&inbox::RETRY_MAX)?,
        on_corrupt: r.value(&inbox::ON_CORRUPT)?,
    })
}

/// Where the first route says that it uses the inbox.
fn first_user(r: &mut Resolver<'_>) -> Option<Origin> {
    let tables = r.sources.open_tables();
    tables.iter().find_map(|table| match r.optional_in(&table.layer, &inbox::DELIVERY) {
        Ok(Some(Sourced { value, origin })) if value != Delivery::Direct => Some(origin),
        _ => None,
    })
}

fn path(r: &mut Resolver<'_>, user: Option<&Origin>) -> Found<Sourced<PathBuf>> {
    if let Some(named) = r.optional(&inbox::PATH)? {
        return Ok(named);
    }
    if let Some(folder) = &r.sources.state_directory {
        let path = folder.join(FILE);
        r.in_use.set(inbox::PATH.toml, [path.display()]);
        return Ok(Sourced { value: path, origin: Origin::Default(inbox::PATH.toml) });
    }
    let hint = format!("set {}, e.g. to /var/lib/clawgate/inbox.db", inbox::PATH.ways());
    Err(match user {
        Some(user) => {
            r.report.problem(user, "needs the inbox, and no file is named for its database", hint)
        }
        None => {
            let origin = Origin::Default(inbox::PATH.toml);
            r.report.problem(&origin, "is required, but not set", hint)
        }
    })
}
