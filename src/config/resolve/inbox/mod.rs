//! The inbox. Here is what holds for all routes.

mod checks;
mod folder;
mod id;
mod route;

use std::path::PathBuf;

use super::resolver::Resolver;
use crate::config::inbox::Delivery;
use crate::config::keys::{self, inbox};
use crate::config::layers::Sourced;
use crate::config::problem::{Found, Origin};
use crate::config::settings::RouteSettings;
use crate::inbox::InboxSettings;

pub(super) use self::checks::{StoringRoute, check};
pub(super) use self::route::{StoredEvents, of_route};

/// The name of the database in the folder that systemd gives.
const FILE: &str = "inbox.db";

/// The settings of the inbox; `None` if no route uses it. `routes` are there if all of them can be read.
pub(super) fn of_routes(
    r: &mut Resolver<'_>,
    routes: Option<&[RouteSettings]>,
) -> Found<Option<InboxSettings>> {
    let Some(user) = first_user(r) else {
        warn_of_unused(r);
        return Ok(None);
    };
    let settings = settings(r, Some(&user))?;
    let stored = routes
        .into_iter()
        .flatten()
        .filter_map(|route| Some((route.max_body, route.inbox.as_ref()?.give_up_after)));
    checks::check_room(r, &settings, &stored.collect::<Vec<_>>());
    Ok(Some(settings))
}

/// The settings of the inbox, whether or not a route uses it. `user` is where the first one says so.
pub(super) fn settings(r: &mut Resolver<'_>, user: Option<&Origin>) -> Found<InboxSettings> {
    let path = path(r, user);
    let (max_events, max_bytes) = (r.value(&inbox::MAX_EVENTS), r.value(&inbox::MAX_BYTES));
    let settings = InboxSettings {
        path: path?.value,
        max_events: max_events?,
        max_bytes: max_bytes?,
        min_free: r.value(&inbox::MIN_FREE)?,
        retain: r.value(&inbox::RETAIN)?,
        retain_dead: r.value(&inbox::RETAIN_DEAD)?,
        keep_bodies: r.value(&inbox::KEEP_BODIES)?,
        retry_first: r.value(&inbox::RETRY_FIRST)?,
        retry_max: r.value(&inbox::RETRY_MAX)?,
        on_corrupt: r.value(&inbox::ON_CORRUPT)?,
    };
    checks::check_retries(r, &settings)?;
    Ok(settings)
}

/// Where it is said that the first route uses the inbox.
fn first_user(r: &mut Resolver<'_>) -> Option<Origin> {
    let common = r.sourced(&inbox::DELIVERY);
    let tables = r.sources.open_tables();
    let mut own = Vec::new();
    for table in tables {
        own.push(r.optional_in(&table.layer, &inbox::DELIVERY));
    }
    let all_say_it = !tables.is_empty() && own.iter().all(|own| !matches!(own, Ok(None)));
    let used =
        own.into_iter().filter_map(|own| own.ok().flatten()).chain(common.ok().filter(|_| !all_say_it));
    used.into_iter().find(|used| used.value != Delivery::Direct).map(|used| used.origin)
}

/// Files of units and containers may always name the database, so that is not unusual in the environment.
fn warn_of_unused(r: &mut Resolver<'_>) {
    for key in keys::in_section(inbox::SECTION) {
        if let Some(origin) = r.origin(key).filter(|origin| !matches!(origin, Origin::Env(_))) {
            let what = "has no effect: no route stores events";
            let hint = "add delivery = \"inbox\" or \"try\" to a [[route]], or remove this";
            r.report.warning(&origin, what, hint);
        }
    }
}

/// Where stored events may be though no route stores events: they were stored with other settings.
pub(super) fn path_without_use(r: &Resolver<'_>) -> Option<PathBuf> {
    let named = r.sources.layers.first(&inbox::PATH).map(|path| PathBuf::from(path.value.trim()));
    named.or_else(|| Some(r.sources.state_directory.as_ref()?.join(FILE)))
}

fn path(r: &mut Resolver<'_>, user: Option<&Origin>) -> Found<Sourced<PathBuf>> {
    let path = named_path(r, user)?;
    folder::check(r, &path);
    Ok(path)
}

fn named_path(r: &mut Resolver<'_>, user: Option<&Origin>) -> Found<Sourced<PathBuf>> {
    if let Some(named) = r.optional(&inbox::PATH)? {
        return Ok(named);
    }
    let origin = Origin::Default(inbox::PATH.toml);
    if let Some(folder) = &r.sources.state_directory {
        let value = folder.join(FILE);
        r.in_use.set(inbox::PATH.toml, [value.display()]);
        return Ok(Sourced { value, origin });
    }
    let hint = format!("set {}, e.g. to /var/lib/clawgate/inbox.db", inbox::PATH.ways());
    Err(match user {
        Some(user) => {
            r.report.problem(user, "needs the inbox, and no file is named for its database", hint)
        }
        None => r.report.problem(&origin, "is required, but not set", hint),
    })
}
