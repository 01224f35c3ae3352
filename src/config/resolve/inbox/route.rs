//! How the requests of one route reach its upstream: `delivery` and `[route.inbox]`.

use std::time::Duration;

use http::StatusCode;

use super::super::resolver::Resolver;
use super::super::verify::RouteVerify;
use super::id;
use crate::config::delivery::Delivery;
use crate::config::keys;
use crate::config::keys::inbox;
use crate::config::layers::{Layer, List, Sourced};
use crate::config::problem::{Found, Origin};
use crate::inbox::{Order, RouteInbox};

/// How many events of a route are delivered at the same time, where nobody says it and the order is free.
const CONCURRENCY: usize = 4;

/// How the events of a route are stored and delivered.
pub(in super::super) struct StoredEvents {
    pub(in super::super) settings: RouteInbox,
    /// Where the route says that its requests are stored.
    pub(super) origin: Origin,
    /// Whether it says itself what becomes of the sender's credentials.
    pub(super) says_authorization: bool,
}

/// How the events of the route of `table` are stored and delivered; `None` if its requests are delivered at once. `common`
/// is for routes that do not say otherwise.
pub(in super::super) fn of_route(
    r: &mut Resolver<'_>,
    table: Option<&Layer>,
    common: &Found<Sourced<Delivery>>,
    verify: Option<&RouteVerify>,
) -> Found<Option<StoredEvents>> {
    let no_table = Layer::default();
    let table = table.unwrap_or(&no_table);
    let own = r.optional_in(table, &inbox::DELIVERY)?;
    let Sourced { value: delivery, origin } = own.map_or_else(|| common.clone(), Ok)?;
    if delivery == Delivery::Direct {
        check_nothing_is_set(r, table);
        return Ok(None);
    }
    let wait = wait(r, table, delivery);
    let order = r.value_in(table, &inbox::ORDER)?.value;
    let concurrency = concurrency(r, table, order);
    let id = id::of_route(r, table, verify.is_some());
    let status = status(r, table, verify)?;
    let give_up_after = r.value_in(table, &inbox::GIVE_UP_AFTER)?.value;
    let store_authorization = r.value_in(table, &inbox::STORE_AUTHORIZATION)?.value;
    let (id, wait, concurrency) = (id?, wait?, concurrency?);
    Ok(Some(StoredEvents {
        settings: RouteInbox {
            id,
            wait,
            status,
            order,
            concurrency,
            give_up_after,
            store_authorization,
        },
        origin,
        says_authorization: table.get(&inbox::STORE_AUTHORIZATION).is_some(),
    }))
}

/// A setting that nothing uses is a mistake: somebody believes that events are stored.
fn check_nothing_is_set(r: &mut Resolver<'_>, table: &Layer) {
    for key in keys::in_section(inbox::ROUTE_SECTION) {
        if let Some(origin) = table.get(key).and_then(List::origin).cloned() {
            let what = "is for stored events, and this route delivers its requests at once";
            let hint =
                "add delivery = \"inbox\" or \"try\" to the route, above [route.inbox], or remove this";
            r.report.problem(&origin, what, hint);
        }
    }
}

/// How long the sender waits.
fn wait(r: &mut Resolver<'_>, table: &Layer, delivery: Delivery) -> Found<Option<Duration>> {
    let Sourced { value: wait, origin } = r.value_in(table, &inbox::WAIT)?;
    if delivery == Delivery::Try {
        let whole = r.value(&keys::REQUEST_TIMEOUT)?;
        if wait >= whole {
            let what = "is not shorter than limits.request_timeout, which ends the request";
            r.report.problem(&origin, what, "shorten it: webhook senders give up after 3 to 30 seconds");
        }
        return Ok(Some(wait));
    }
    if table.get(&inbox::WAIT).is_some() {
        let what = "has no effect: with delivery = \"inbox\" the sender gets its answer at once";
        r.report.problem(&origin, what, "use delivery = \"try\", or remove this");
    }
    Ok(None)
}

fn concurrency(r: &mut Resolver<'_>, table: &Layer, order: Order) -> Found<usize> {
    let Some(own) = r.optional_in(table, &inbox::CONCURRENCY)? else {
        return Ok(if order == Order::Strict { 1 } else { CONCURRENCY });
    };
    if order == Order::Strict && own.value > 1 {
        let what =
            format!("is {}, but with order = \"strict\" events are delivered one by one", own.value);
        r.report.problem(&own.origin, what, "remove it, or use order = \"any\"");
    }
    Ok(own.value)
}

/// The status of the answer to a stored event.
fn status(r: &mut Resolver<'_>, table: &Layer, verify: Option<&RouteVerify>) -> Found<StatusCode> {
    let asked_for = verify.and_then(RouteVerify::success_status);
    let Some(own) = r.optional_in(table, &inbox::STATUS)? else {
        return Ok(asked_for.unwrap_or(StatusCode::ACCEPTED));
    };
    if let Some(asked_for) = asked_for.filter(|asked_for| *asked_for != own.value) {
        let what = format!(
            "is {}, but the webhook sender asks for {}, and may send the event again",
            own.value.as_u16(),
            asked_for.as_u16()
        );
        r.report.warning(
            &own.origin,
            what,
            "remove it, unless you have seen that the sender accepts it",
        );
    }
    Ok(own.value)
}
