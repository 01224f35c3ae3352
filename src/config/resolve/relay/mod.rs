//! The relay: its listener, whom it admits, and its targets.

mod auth;
mod endpoint;
mod header;
mod mapping;
mod protobuf;
mod route;
mod target;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use self::header::is_for_others;
pub(super) use self::route::of_route;
use super::resolver::Resolver;
use super::token::in_file;
use crate::config::admin::AdminAddress;
use crate::config::file::TargetTable;
use crate::config::keys::{self, relay};
use crate::config::layers::{List, Sourced};
use crate::config::problem::{Found, Origin};
use crate::relay::settings::{
    CallerTokens, Callers, RelaySettings, TargetDelivery, TargetSettings, TokenHeader,
};
use crate::shaping::HashKey;

/// A token with fewer bytes can be found by trying.
const SHORT: usize = 16;

const TOKEN: &str = "put a long random word into it, on one line (openssl rand -hex 32)";

/// Where the listener is, if anywhere; `others` are the addresses of the other listeners.
pub(super) fn address<'a>(
    r: &mut Resolver<'_>,
    mut others: impl Iterator<Item = &'a Sourced<SocketAddr>>,
    admin: Option<&AdminAddress>,
) -> Found<Option<AdminAddress>> {
    let Some(Sourced { value: address, origin }) = r.optional(&relay::ADDRESS)? else { return Ok(None) };
    if !address.is_local() {
        let what = format!("`{address}` can be reached by other machines, and the relay has no TLS");
        let hint = "use a loopback address, e.g. 127.0.0.1:9444, or unix:/PATH; other machines can use a \
                    [[route]] with `relay`";
        r.report.problem(&origin, what, hint);
    }
    if let AdminAddress::Tcp(tcp) = address
        && tcp.port() != 0
    {
        let used = others.find(|other| other.value == tcp).map(|other| other.origin.clone());
        let by_admin = (admin == Some(&address)).then(|| r.origin_or_default(&keys::ADMIN));
        if let Some(used) = used.or(by_admin) {
            let what = format!("{address} is in use: {used} has it");
            r.report.problem(&origin, what, "give the relay another port");
        }
    }
    Ok(Some(address))
}

/// All but the address.
/// `hash_key` makes the pseudonyms of mappings.
pub(super) fn settings(
    r: &mut Resolver<'_>,
    hash_key: &Found<Option<Sourced<HashKey>>>,
) -> Found<RelaySettings> {
    let max_body = r.value(&keys::BODY);
    let callers = callers(r);
    let mut trust = endpoint::Trust::default();
    let tables = &r.sources.targets;
    let targets: Vec<_> =
        tables.iter().map(|table| target::target(r, table, &mut trust, hash_key)).collect();
    check_differ(r, tables);
    check_is_used(r, tables);
    let targets = targets.into_iter().collect::<Found<Vec<TargetSettings>>>();
    let targets = targets?.into_iter().map(Arc::new).collect();
    Ok(RelaySettings { max_body: max_body?, callers: callers?, targets })
}

/// Where it is said that events for a target are stored, if it is said.
pub(super) fn storing(r: &mut Resolver<'_>) -> Option<Origin> {
    r.sources.targets.iter().find_map(|table| {
        let delivery = r.value_in(&table.layer, &relay::DELIVERY).ok()?;
        let is_default = matches!(delivery.origin, Origin::Default(_));
        let origin = if is_default { table.origin.clone() } else { delivery.origin };
        (delivery.value == TargetDelivery::Queue).then_some(origin)
    })
}

fn callers(r: &mut Resolver<'_>) -> Found<Option<Callers>> {
    let header = r.sourced(&relay::TOKEN_HEADER);
    let files = r.sources.layers.get(&relay::TOKEN_FILE);
    let Some(address) = r.origin(&relay::ADDRESS) else {
        let keys = [&relay::TOKEN_FILE.key, &relay::TOKEN_HEADER.key];
        for origin in keys.into_iter().filter_map(|key| r.origin(key)).collect::<Vec<_>>() {
            let what = "has no effect: relay.address is not set";
            r.report.warning(&origin, what, format!("set {}, or remove this", relay::ADDRESS.ways()));
        }
        return Ok(None);
    };
    let Some(files) = files else {
        let what = "is open to every program on this machine: no token is required";
        let hint = format!("name a file with a token in {}", relay::TOKEN_FILE.ways());
        return Err(r.report.problem(&address, what, hint));
    };
    let tokens: List<Zeroizing<Vec<u8>>> = files.read(|file| {
        let token = in_file(file, TOKEN, &mut r.report)?;
        let bytes = Zeroizing::new(token.token.text().as_bytes().to_vec());
        if bytes.len() < SHORT {
            let what =
                format!("{} has fewer than {SHORT} bytes, and can be guessed", token.shown_origin);
            r.report.warning(&token.origin, what, TOKEN);
        }
        Ok(Sourced { value: bytes, origin: token.origin })
    });
    let Sourced { value: header, origin } = header?;
    let header = match header {
        AUTHORIZATION => TokenHeader::Bearer,
        header if is_for_others(&header) => {
            let what = format!("`{header}` has something else than a token");
            let hint = "write authorization, or a name of its own, e.g. x-incoming-secret";
            return Err(r.report.problem(&origin, what, hint));
        }
        header => TokenHeader::Named(header),
    };
    let tokens = tokens.all_values()?;
    let missing = || r.report.problem(&address, "requires a token, and none is there", TOKEN);
    let tokens = CallerTokens::new(tokens).ok_or_else(missing)?;
    Ok(Some(Callers { header, tokens }))
}

/// Checks that no two targets have the same name or path.
fn check_differ(r: &mut Resolver<'_>, tables: &[TargetTable]) {
    let (mut names, mut paths) = (Vec::<Sourced<String>>::new(), Vec::<Sourced<String>>::new());
    for table in tables {
        let Ok(Some(name)) = r.optional_in(&table.layer, &relay::NAME) else { continue };
        if let Some(other) = names.iter().find(|other| other.value == name.value) {
            let what = format!("`{}` is the name of another target: {}", name.value, other.origin);
            r.report.problem(&name.origin, what, "give each target a name of its own");
        }
        let path = match r.optional_in(&table.layer, &relay::PATH) {
            Ok(Some(own)) => own,
            Ok(None) => Sourced { value: format!("/{}", name.value), origin: name.origin.clone() },
            Err(_) => continue,
        };
        if let Some(other) = paths.iter().find(|other| other.value == path.value) {
            let what = format!("`{}` is the path of another target: {}", path.value, other.origin);
            r.report.problem(&path.origin, what, "give each target a path of its own");
        }
        names.push(name);
        paths.push(path);
    }
}

/// Checks that events can come to each target, and that the target of each route is there.
fn check_is_used(r: &mut Resolver<'_>, tables: &[TargetTable]) {
    let named = tables.iter().map(|table| r.optional_in(&table.layer, &relay::NAME));
    let names: Vec<_> = named.collect();
    let are_all_read = r.sources.torn.is_none() && names.iter().all(|name| matches!(name, Ok(Some(_))));
    let names: BTreeSet<_> = names.into_iter().flatten().flatten().map(|name| name.value).collect();
    let mut used = BTreeSet::new();
    for table in r.sources.open_tables() {
        let Ok(Some(name)) = r.optional_in(&table.layer, &relay::ROUTE) else { continue };
        if !names.contains(&name.value) && are_all_read {
            let what = format!("there is no target `{}`", name.value);
            let known: Vec<_> = names.iter().map(String::as_str).collect();
            let hint = match known[..] {
                [] => "add a [[relay.target]] with this name".to_owned(),
                _ => {
                    format!("use one of {}, or add a [[relay.target]] with this name", known.join(", "))
                }
            };
            r.report.problem(&name.origin, what, hint);
        }
        used.insert(name.value);
    }
    let address = r.origin(&relay::ADDRESS);
    if let Some(address) = address.as_ref().filter(|_| tables.is_empty() && r.sources.torn.is_none()) {
        let what = "is the address of a relay without a target";
        r.report.problem(address, what, "add a [[relay.target]] with name and url, or remove this");
    }
    for table in tables.iter().filter(|_| address.is_none()) {
        let Ok(Some(name)) = r.optional_in(&table.layer, &relay::NAME) else { continue };
        if !used.contains(&name.value) {
            let what = format!("no event can come to `{}`", name.value);
            let hint = format!(
                "set {}, or add relay = \"{}\" to a [[route]]",
                relay::ADDRESS.ways(),
                name.value
            );
            r.report.problem(&name.origin, what, hint);
        }
    }
}
