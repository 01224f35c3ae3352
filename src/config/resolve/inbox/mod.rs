//! The inbox. Here is what holds for all routes.

mod checks;
mod folder;
mod id;
mod nats;
mod route;

use std::path::PathBuf;
use std::sync::Arc;

use super::relay;
use super::resolver::Resolver;
use crate::config::delivery::Delivery;
use crate::config::keys::{self, inbox};
use crate::config::layers::Sourced;
use crate::config::problem::{Found, Origin};
use crate::config::settings::RouteSettings;
use crate::inbox::{InboxSettings, JetStreamSettings, OnCorrupt, StorePlace};
use crate::relay::settings::{RelaySettings, TargetDelivery};

pub(super) use self::checks::{StoringRoute, check};
pub(super) use self::route::{StoredEvents, of_route};

/// The name of the database in the folder that systemd gives.
const FILE: &str = "inbox.db";

/// What the settings say of the inbox.
pub(super) struct Inbox {
    /// There if a route stores events.
    pub(super) settings: Option<InboxSettings>,
    /// There if the database or the stream is named. Events may be in it though no route stores any more.
    pub(super) place: Option<StorePlace>,
    /// There if several instances remember together which requests of a route were delivered.
    pub(super) shared_replays: Option<Arc<JetStreamSettings>>,
}

/// What the settings say of the inbox. `routes` and `relay` are there if all of it can be read.
pub(super) fn of_routes(
    r: &mut Resolver<'_>,
    routes: Option<&[RouteSettings]>,
    relay: Option<&RelaySettings>,
) -> Found<Inbox> {
    let Some(user) = first_user(r).or_else(|| relay::storing(r)) else {
        let place = match nats::place(r) {
            Ok(Some(place)) => Ok(Some(place)),
            Ok(None) => {
                named_path(r).map(|path| path.map(|path| StorePlace::Sqlite { path: path.value }))
            }
            Err(reported) => Err(reported),
        };
        let shared_replays = shared_replays(place.as_ref().ok().and_then(Option::as_ref), routes);
        warn_of_unused(r, shared_replays.is_some());
        let place = place?;
        // They are in use all the same: a reload may remove the last route that stores events.
        values(r, place.clone().unwrap_or_else(nowhere))?;
        return Ok(Inbox { settings: None, place, shared_replays });
    };
    let settings = settings(r, Some(&user))?;
    let stored = routes
        .into_iter()
        .flatten()
        .filter_map(|route| Some((route.max_body, route.inbox.as_ref()?.give_up_after)));
    let queued = relay.into_iter().flat_map(|relay| {
        let queued = relay.targets.iter().filter(|target| target.delivery == TargetDelivery::Queue);
        queued.map(|target| (relay.max_body, target.give_up_after))
    });
    checks::check_room(r, &settings, &stored.chain(queued).collect::<Vec<_>>());
    let shared_replays = shared_replays(Some(&settings.place), routes);
    Ok(Inbox { place: Some(settings.place.clone()), settings: Some(settings), shared_replays })
}

/// Where delivered requests are remembered for several instances, if a route without an inbox recognises repeated ones.
fn shared_replays(
    place: Option<&StorePlace>,
    routes: Option<&[RouteSettings]>,
) -> Option<Arc<JetStreamSettings>> {
    let Some(StorePlace::JetStream(nats)) = place else { return None };
    let has_window = routes.into_iter().flatten().any(RouteSettings::has_replay_window);
    has_window.then(|| Arc::clone(nats))
}

/// The settings of the inbox, whether or not a route uses it. `user` is where the first one says so.
pub(super) fn settings(r: &mut Resolver<'_>, user: Option<&Origin>) -> Found<InboxSettings> {
    let place = match nats::place(r) {
        Ok(None) => path(r, user).map(|path| StorePlace::Sqlite { path }),
        Ok(Some(place)) => Ok(place),
        Err(reported) => Err(reported),
    };
    let settings = values(r, place.clone().unwrap_or_else(|_| nowhere()))?;
    checks::check_retries(r, &settings)?;
    Ok(InboxSettings { place: place?, ..settings })
}

/// Stands for a place that is not known, where only the other settings matter.
fn nowhere() -> StorePlace {
    StorePlace::Sqlite { path: PathBuf::new() }
}

/// All but the place, which is given.
fn values(r: &mut Resolver<'_>, place: StorePlace) -> Found<InboxSettings> {
    let is_database = place.database().is_some();
    Ok(InboxSettings {
        place,
        max_events: r.value(&inbox::MAX_EVENTS)?,
        max_bytes: r.value(&inbox::MAX_BYTES)?,
        min_free: if is_database { r.value(&inbox::MIN_FREE)? } else { 0 },
        retain: r.value(&inbox::RETAIN)?,
        retain_dead: r.value(&inbox::RETAIN_DEAD)?,
        keep_bodies: r.value(&inbox::KEEP_BODIES)?,
        retry_first: r.value(&inbox::RETRY_FIRST)?,
        retry_max: r.value(&inbox::RETRY_MAX)?,
        on_corrupt: if is_database { r.value(&inbox::ON_CORRUPT)? } else { OnCorrupt::Refuse },
    })
}

/// Where it is said that the first route uses the inbox.
fn first_user(r: &mut Resolver<'_>) -> Option<Origin> {
    let common = r.sourced(&inbox::DELIVERY);
    let tables = r.sources.open_tables();
    // Whether the events of a route with a target are stored is a matter of the target.
    let tables: Vec<_> =
        tables.iter().filter(|table| table.layer.get(&keys::relay::ROUTE).is_none()).collect();
    let has_tables = !r.sources.open_tables().is_empty();
    let own = tables.iter().map(|table| r.optional_in(&table.layer, &inbox::DELIVERY));
    let own: Vec<_> = own.collect();
    let all_say_it = has_tables && own.iter().all(|own| !matches!(own, Ok(None)));
    let common = common.ok().filter(|_| !all_say_it);
    let mut said = own.into_iter().filter_map(|own| own.ok().flatten()).chain(common);
    said.find(|said| said.value != Delivery::Direct).map(|said| said.origin)
}

/// Files of units and containers may always name the database, so that is not unusual in the environment.
///
/// `shares_replays`: whether NATS is used nevertheless.
fn warn_of_unused(r: &mut Resolver<'_>, shares_replays: bool) {
    let of_nats = format!("{}.", inbox::NATS_SECTION);
    for key in keys::in_section(inbox::SECTION) {
        let is_of_nats = key.toml == inbox::STORE.key.toml || key.toml.starts_with(&of_nats);
        if shares_replays && is_of_nats {
            continue;
        }
        if let Some(origin) = r.origin(key).filter(|origin| !matches!(origin, Origin::Env(_))) {
            let what = "has no effect: no route stores events, and no target of the relay";
            let hint = "add delivery = \"inbox\" or \"try\" to a [[route]], or remove this";
            r.report.warning(&origin, what, hint);
        }
    }
}

fn path(r: &mut Resolver<'_>, user: Option<&Origin>) -> Found<PathBuf> {
    let Some(path) = named_path(r)? else {
        let hint = format!("set {}, e.g. to /var/lib/clawgate/inbox.db", inbox::PATH.ways());
        let what = match user {
            Some(_) => "needs the inbox, and no file is named for its database",
            None => "is required, but not set",
        };
        let origin = user.cloned().unwrap_or(Origin::Default(inbox::PATH.toml));
        return Err(r.report.problem(&origin, what, hint));
    };
    folder::check(r, &path);
    Ok(path.value)
}

fn named_path(r: &mut Resolver<'_>) -> Found<Option<Sourced<PathBuf>>> {
    if let Some(named) = r.optional(&inbox::PATH)? {
        return Ok(Some(named));
    }
    // Not among the settings in use: `doctor` does not get the variable, and would find a difference.
    let Some(folder) = &r.sources.state_directory else { return Ok(None) };
    Ok(Some(Sourced { value: folder.join(FILE), origin: Origin::Default(inbox::PATH.toml) }))
}
