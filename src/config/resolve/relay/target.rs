//! One `[[relay.target]]`.

use std::time::Duration;

use http::HeaderName;
use http::uri::PathAndQuery;

use super::super::resolver::Resolver;
use super::header::is_for_others;
use super::{auth, endpoint, mapping, protobuf};
use crate::config::file::TargetTable;
use crate::config::key::Key;
use crate::config::keys::{self, relay};
use crate::config::layers::{Layer, List, Sourced};
use crate::config::problem::{Found, Origin};
use crate::relay::batch::BatchSettings;
use crate::relay::retry::RetryRules;
use crate::relay::settings::{Auth, TargetDelivery, TargetSettings};
use crate::shaping::HashKey;
use crate::upstream::Timeouts;

/// The longest time for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Reads all of it, so that all mistakes are found.
pub(super) fn target(
    r: &mut Resolver<'_>,
    table: &TargetTable,
    trust: &mut endpoint::Trust,
    hash_key: &Found<Option<Sourced<HashKey>>>,
) -> Found<TargetSettings> {
    let TargetTable { origin, layer, map } = table;
    let name = named(r, table, &relay::NAME, "name = \"analytics\"");
    let name = name.and_then(|()| Ok(r.value_in(layer, &relay::NAME)?.value));
    let path = r.optional_in(layer, &relay::PATH);
    let endpoint = named(r, table, &relay::URL, "url = \"https://api.example.org/v1/events\"")
        .and_then(|()| endpoint::of_target(r, layer, trust));
    let auth = auth::auth(r, layer, trust);
    let delivery = r.value_in(layer, &relay::DELIVERY);
    let id = r.optional_in(layer, &relay::ID);
    let idempotency_header = idempotency_header(r, layer, auth.as_ref().ok().map(|auth| &auth.value));
    let mapping = mapping::mapping(r, layer, map.as_ref(), hash_key);
    let protobuf = protobuf::protobuf(r, table, mapping.as_ref().ok().and_then(Option::as_ref));
    let batch = batch(r, layer, delivery.as_ref().ok());
    let rate = r.optional_in(layer, &relay::RATE);
    let rules = rules(r, layer);
    let concurrency = r.value_in(layer, &relay::CONCURRENCY);
    let give_up_after = r.value_in(layer, &relay::GIVE_UP_AFTER);
    let timeouts = timeouts(r, layer, delivery.as_ref().ok());
    let probe = probe(r, layer, origin);
    check_waiting(r, layer, delivery.as_ref().ok());

    let (name, auth) = (name?, auth?);
    let path = path?.map_or_else(|| format!("/{name}"), |path| path.value);
    Ok(TargetSettings {
        name: name.into(),
        path: path.into(),
        endpoint: endpoint?,
        auth: auth.value,
        credential: auth.shown,
        delivery: delivery?.value,
        id: id?.map(|id| id.value.0),
        idempotency_header: idempotency_header?,
        mapping: mapping?,
        protobuf: protobuf?,
        batch: batch?,
        rate: rate?.map(|rate| rate.value),
        rules: rules?,
        concurrency: concurrency?.value,
        give_up_after: give_up_after?.value,
        timeouts: timeouts?,
        probe: probe?,
    })
}

/// Checks that a key is there which every target has.
fn named(r: &mut Resolver<'_>, table: &TargetTable, key: &Key, example: &str) -> Found<()> {
    if table.layer.get(key).is_some() {
        return Ok(());
    }
    let missing = || {
        r.report.problem(&table.origin, format!("has no {}", key.leaf()), format!("add e.g. {example}"))
    };
    Err(r.sources.torn.unwrap_or_else(missing))
}

fn idempotency_header(
    r: &mut Resolver<'_>,
    layer: &Layer,
    auth: Option<&Auth>,
) -> Found<Option<HeaderName>> {
    let Some(own) = r.optional_in(layer, &relay::IDEMPOTENCY_HEADER)? else { return Ok(None) };
    let Sourced { value: name, origin } = own;
    let has_credential = match auth {
        Some(Auth::Fixed(header)) => header.name == name,
        _ => name == http::header::AUTHORIZATION,
    };
    if has_credential || is_for_others(&name) {
        let what = format!("`{name}` cannot have the id of an event: it has something else");
        return Err(r.report.problem(&origin, what, "write e.g. Idempotency-Key"));
    }
    Ok(Some(name))
}

fn batch(
    r: &mut Resolver<'_>,
    layer: &Layer,
    delivery: Option<&Sourced<TargetDelivery>>,
) -> Found<Option<BatchSettings>> {
    let set = keys::in_section(relay::BATCH_SECTION).find_map(|key| layer.get(key)?.origin().cloned());
    let Some(origin) = set else { return Ok(None) };
    if delivery.is_some_and(|delivery| delivery.value == TargetDelivery::Wait) {
        let what =
            "puts events together, and with delivery = \"wait\" each caller waits for its own answer";
        r.report.problem(&origin, what, "use delivery = \"queue\", or remove batch");
    }
    let bytes = r.value_in(layer, &relay::BATCH_BYTES)?.value;
    Ok(Some(BatchSettings {
        count: r.value_in(layer, &relay::BATCH_COUNT)?.value,
        bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        period: r.value_in(layer, &relay::BATCH_PERIOD)?.value,
        form: r.value_in(layer, &relay::BATCH_FORM)?.value,
    }))
}

fn rules(r: &mut Resolver<'_>, layer: &Layer) -> Found<RetryRules> {
    let Some(list) = r.list_in(layer, &relay::DONE_ON) else { return Ok(RetryRules::default()) };
    let list = list.all()?;
    for Sourced { value, origin } in &list {
        if let Err(error) = RetryRules::new(&[*value]) {
            return Err(r.report.problem(origin, error.to_string(), error.hint()));
        }
    }
    let statuses: Vec<u16> = list.iter().map(|status| status.value).collect();
    // Each of them was possible by itself.
    Ok(RetryRules::new(&statuses).unwrap_or_default())
}

fn timeouts(
    r: &mut Resolver<'_>,
    layer: &Layer,
    delivery: Option<&Sourced<TargetDelivery>>,
) -> Found<Timeouts> {
    let Sourced { value: timeout, origin } = r.value_in(layer, &relay::TIMEOUT)?;
    let whole = r.value(&keys::REQUEST_TIMEOUT)?;
    if delivery.is_some_and(|delivery| delivery.value == TargetDelivery::Wait) && timeout >= whole {
        let what = "is not shorter than limits.request_timeout, which ends the caller's request";
        r.report.problem(&origin, what, "shorten it, or use delivery = \"queue\"");
    }
    Ok(Timeouts { connect: timeout.min(CONNECT), response: timeout, idle: timeout })
}

fn probe(r: &mut Resolver<'_>, layer: &Layer, table: &Origin) -> Found<Option<PathAndQuery>> {
    let Some(Sourced { value, .. }) = r.optional_in(layer, &relay::PROBE)? else { return Ok(None) };
    let probe = value.parse().map_err(|_| {
        r.report.problem(table, "has a probe that is no path", "write e.g. probe = \"/v1/me\"")
    })?;
    Ok(Some(probe))
}

/// What has no effect on events that are not stored.
fn check_waiting(r: &mut Resolver<'_>, layer: &Layer, delivery: Option<&Sourced<TargetDelivery>>) {
    if delivery.is_none_or(|delivery| delivery.value == TargetDelivery::Queue) {
        return;
    }
    if let Some(origin) = layer.get(&relay::GIVE_UP_AFTER).and_then(List::origin) {
        let what = "is for stored events, and with delivery = \"wait\" none is stored";
        r.report.problem(origin, what, "use delivery = \"queue\", or remove this");
    }
}
