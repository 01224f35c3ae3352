//! How the requests of one route reach its upstream: `delivery` and `[route.inbox]`.

use http::StatusCode;

use super::super::resolver::Resolver;
use super::super::verify::RouteVerify;
use crate::config::inbox::Delivery;
use crate::config::keys::inbox;
use crate::config::layers::{Layer, Sourced};
use crate::config::problem::Found;
use crate::inbox::{Order, RouteInbox};

/// How many events of a route are delivered at the same time, where nobody says it and the order is free.
const CONCURRENCY: usize = 4;

/// How the events of the route of `table` are stored and delivered; `None` if its requests are delivered at once.
pub(in super::super) fn of_route(
    r: &mut Resolver<'_>,
    table: &Layer,
    verify: Option<&RouteVerify>,
) -> Found<Option<RouteInbox>> {
    let delivery = r.value_in(table, &inbox::DELIVERY)?.value;
    if delivery == Delivery::Direct {
        return Ok(None);
    }
    let wait = r.value_in(table, &inbox::WAIT)?.value;
    let order = r.value_in(table, &inbox::ORDER)?.value;
    let concurrency = match r.optional_in(table, &inbox::CONCURRENCY)? {
        Some(Sourced { value, .. }) => value,
        None if order == Order::Strict => 1,
        None => CONCURRENCY,
    };
    let asked_for = verify.and_then(|verify| verify.success_status());
    let status = r.optional_in(table, &inbox::STATUS)?.map(|own| own.value);
    Ok(Some(RouteInbox {
        id: r.optional_in(table, &inbox::ID)?.map(|own| own.value),
        wait: (delivery == Delivery::Try).then_some(wait),
        status: status.or(asked_for).unwrap_or(StatusCode::ACCEPTED),
        order,
        concurrency,
        give_up_after: r.value_in(table, &inbox::GIVE_UP_AFTER)?.value,
        store_authorization: r.value_in(table, &inbox::STORE_AUTHORIZATION)?.value,
    }))
}
