//! What is open: the `[[route]]` tables, or the paths from flags and environment.

use std::sync::Arc;

use super::inbox::{StoredEvents, StoringRoute};
use super::resolver::Resolver;
use super::shape::{RouteShaping, ShapingRoute};
use super::verify::{self, RouteVerify, VerifyingRoute};
use super::{authenticate, inbox, relay, rules, secure, shape, upstream};
use crate::config::delivery::Delivery;
use crate::config::file::RouteTable;
use crate::config::keys;
use crate::config::layers::{Layer, List, Sourced};
use crate::config::problem::{Found, Origin};
use crate::config::settings::{RouteSettings, UpstreamSettings};
use crate::config::units::format_size;
use crate::policy::{Authenticate, Rules};
use crate::route::{Methods, PathPattern};
use crate::shaping::HashKey;
use crate::upstream::Target;

/// What OpenClaw takes (`hooks.maxBodyBytes`); a larger request is answered with 413.
const OPENCLAW_BODY: u64 = 256 * 1024;

/// A route, as far as it can be read.
struct Draft {
    origin: Origin,
    path: Found<PathPattern>,
    methods: Found<Methods>,
    authenticate: Found<Authenticate>,
    verify: Found<Option<RouteVerify>>,
    inbox: Found<Option<StoredEvents>>,
    shape: Found<Option<RouteShaping>>,
    /// Whether the route names a token, and an upstream.
    has_own: [bool; 2],
    relay: Found<Option<Arc<str>>>,
    rules: Found<Rules>,
    max_body: Found<u64>,
    upstream: Found<UpstreamSettings>,
}

impl Draft {
    fn finish(self) -> Found<RouteSettings> {
        Ok(RouteSettings {
            path: self.path?,
            methods: self.methods?,
            authenticate: self.authenticate?,
            verify: self.verify?.map(|verify| verify.settings),
            inbox: self.inbox?.map(|stored| stored.settings),
            shape: self.shape?.map(|shaping| shaping.settings),
            relay: self.relay?,
            rules: self.rules?,
            max_body: self.max_body?,
            upstream: self.upstream?,
        })
    }
}

/// What holds for routes that do not say otherwise.
struct Common<'k> {
    methods: Found<Methods>,
    body: Found<u64>,
    delivery: Found<Sourced<Delivery>>,
    hash_key: &'k Found<Option<Sourced<HashKey>>>,
    upstream: upstream::Shared,
}

pub(super) fn routes(
    r: &mut Resolver<'_>,
    hash_key: &Found<Option<Sourced<HashKey>>>,
) -> Found<Vec<RouteSettings>> {
    let methods = r.list(&keys::ROUTE_METHODS);
    let upstream = upstream::Shared::new(r);
    let (body, delivery) = (r.value(&keys::BODY), r.sourced(&keys::inbox::DELIVERY));
    let mut common = Common { methods: together(r, methods), body, delivery, hash_key, upstream };
    let tables = r.sources.open_tables();
    let mut drafts = Vec::new();
    if tables.is_empty() {
        let paths = r.list(&keys::ROUTE_PATH);
        if let Some(origin) = paths.origin() {
            warn_of_replaced_tables(r, origin);
        }
        for Sourced { value, origin } in paths.all()? {
            drafts.push(draft(r, Ok(value), origin, None, &mut common));
        }
    } else {
        warn_of_unused_methods(r, tables);
        for RouteTable { origin, layer } in tables {
            let path = path_in(r, origin, layer);
            let origin = path.as_ref().map_or_else(|_| origin.clone(), |path| path.origin.clone());
            let path = path.map(|path| path.value);
            drafts.push(draft(r, path, origin, Some(layer), &mut common));
        }
    }
    check_overlaps(r, &drafts);
    if let Ok(uri) = r.value(&keys::URI) {
        check_lengths(r, &drafts, uri);
    }
    warn_of_colons(r, &drafts);
    let openclaw = common.upstream.target.as_ref().ok().map(|target| &target.value);
    warn_of_large_bodies(r, &drafts, openclaw);
    warn_of_shared_secrets(r, &drafts);
    check_storing(r, &drafts);
    check_shaping(r, &drafts);
    let routes: Vec<Found<RouteSettings>> = drafts.into_iter().map(Draft::finish).collect();
    let routes = routes.into_iter().collect::<Found<Vec<_>>>()?;
    authenticate::warn_of_unused_address(r, &routes);
    let with_upstream = routes.iter().filter(|route| route.relay.is_none());
    secure::check_is_used(r, with_upstream.map(|route| &route.upstream.target));
    Ok(routes)
}

fn path_in(r: &mut Resolver<'_>, origin: &Origin, table: &Layer) -> Found<Sourced<PathPattern>> {
    r.optional_in(table, &keys::ROUTE_PATH)?.ok_or_else(|| {
        let missing = || r.report.problem(origin, "has no path", "add e.g. path = \"/hooks/\"");
        r.sources.torn.unwrap_or_else(missing)
    })
}

fn draft(
    r: &mut Resolver<'_>,
    path: Found<PathPattern>,
    origin: Origin,
    table: Option<&Layer>,
    common: &mut Common<'_>,
) -> Draft {
    let (mut methods, mut max_body) = (common.methods.clone(), common.body);
    let (mut authenticate, mut verify) = (Ok(Authenticate::Certificate), Ok(None));
    let (mut shape, mut has_own) = (Ok(None), [false; 2]);
    let (mut rules, mut relay) = (Ok(Rules::default()), Ok(None));
    if let Some(table) = table {
        authenticate = authenticate::of_route(r, table);
        verify = verify::of_route(r, table);
        shape = shape::of_route(r, table, common.hash_key);
        let token = table.get(&keys::ROUTE_TOKEN).or(table.get(&keys::ROUTE_TOKEN_FILE));
        has_own = [token.is_some(), table.get(&keys::ROUTE_UPSTREAM).is_some()];
        if let Some(own) = r.list_in(table, &keys::ROUTE_METHODS) {
            methods = together(r, own);
        }
        rules = rules::of_route(r, table);
        relay = relay::of_route(r, table);
        max_body = match r.optional_in(table, &keys::ROUTE_BODY) {
            Ok(Some(own)) => Ok(own.value),
            Ok(None) => max_body,
            Err(reported) => Err(reported),
        };
    }
    let has_target = !matches!(relay, Ok(None));
    let inbox = match &verify {
        Ok(_) if has_target => Ok(None),
        Ok(verify) => inbox::of_route(r, table, &common.delivery, verify.as_ref()),
        Err(reported) => Err(*reported),
    };
    let upstream = common.upstream.for_route(r, table.filter(|_| !has_target));
    Draft {
        origin,
        path,
        methods,
        authenticate,
        verify,
        inbox,
        shape,
        has_own,
        relay,
        rules,
        max_body,
        upstream,
    }
}

/// The methods as one.
fn together(r: &mut Resolver<'_>, methods: List<String>) -> Found<Methods> {
    let origin = methods.origin().cloned().unwrap_or(Origin::Default(keys::ROUTE_METHODS.toml));
    let names = methods.all_values()?;
    Methods::parse(names.iter().map(String::as_str))
        .map_err(|error| r.report.problem(&origin, error.to_string(), "write e.g. POST, or `any` alone"))
}

fn check_overlaps(r: &mut Resolver<'_>, routes: &[Draft]) {
    for (i, route) in routes.iter().enumerate() {
        let (Ok(path), Ok(methods)) = (&route.path, &route.methods) else { continue };
        let overlaps = |other: &Draft| match (&other.path, &other.methods) {
            (Ok(other_path), Ok(others)) if other_path == path && overlap(others, methods) => {
                Some((other.origin.clone(), others.clone()))
            }
            _ => None,
        };
        if let Some((origin, others)) = routes[..i].iter().find_map(overlaps) {
            let what = format!("`{path}` with {methods} is open twice: {origin} has it with {others}");
            let hint = "remove one of them, or give them different paths or methods";
            r.report.problem(&route.origin, what, hint);
        }
    }
}

/// `uri`: the longest path with its query that is taken, in bytes.
fn check_lengths(r: &mut Resolver<'_>, routes: &[Draft], uri: usize) {
    for Draft { path, origin, .. } in routes {
        let Ok(path) = path else { continue };
        let length = path.shared().len();
        if length > uri {
            let what = format!(
                "`{path}` can never match: it has {length} bytes, and limits.uri refuses more than {uri}"
            );
            r.report.problem(origin, what, "raise limits.uri, or shorten the path");
        }
    }
}

fn warn_of_colons(r: &mut Resolver<'_>, routes: &[Draft]) {
    for Draft { path, origin, .. } in routes {
        if let Some(segment) = path.as_ref().ok().and_then(PathPattern::colon_segment) {
            let what = format!("`{segment}` is no placeholder: it matches only itself");
            let hint = "to open all paths below one, end it with a slash, such as `/hooks/`";
            r.report.warning(origin, what, hint);
        }
    }
}

/// A route that names an upstream of its own does not go to OpenClaw.
fn warn_of_large_bodies(r: &mut Resolver<'_>, routes: &[Draft], openclaw: Option<&Target>) {
    for Draft { path, origin, max_body, shape, upstream, relay, .. } in routes {
        let (Ok(path), Ok(max_body), Ok(upstream)) = (path, max_body, upstream) else { continue };
        // Whether enough goes, only the bodies tell.
        if let Ok(Some(shaping)) = shape
            && shaping.settings.shrinks_above(OPENCLAW_BODY)
        {
            continue;
        }
        let target = &upstream.target;
        if *max_body > OPENCLAW_BODY
            && matches!(relay, Ok(None))
            && matches!(target, Target::Http { .. })
            && openclaw.is_none_or(|openclaw| openclaw == target)
        {
            let what = format!(
                "`{path}` takes bodies up to {}, but OpenClaw refuses more than {OPENCLAW_BODY} bytes",
                format_size(*max_body)
            );
            let hint = "lower limits.body to 256KiB, unless the upstream is not OpenClaw";
            r.report.warning(origin, what, hint);
        }
    }
}

fn warn_of_shared_secrets(r: &mut Resolver<'_>, routes: &[Draft]) {
    let verifying = routes.iter().filter_map(|route| {
        let (Ok(path), Ok(Some(verify))) = (&route.path, &route.verify) else { return None };
        Some(VerifyingRoute { path, verify })
    });
    let upstreams = routes.iter().filter_map(|route| route.upstream.as_ref().ok());
    verify::warn_of_shared_secrets(r, &verifying.collect::<Vec<_>>(), upstreams);
}

fn check_storing(r: &mut Resolver<'_>, routes: &[Draft]) {
    let storing = routes.iter().filter_map(|route| {
        let Ok(Some(stored)) = &route.inbox else { return None };
        let (Ok(path), Ok(methods)) = (&route.path, &route.methods) else { return None };
        let (Ok(max_body), Ok(upstream)) = (route.max_body, &route.upstream) else { return None };
        Some(StoringRoute { path, methods, max_body, upstream, stored })
    });
    inbox::check(r, &storing.collect::<Vec<_>>());
}

fn check_shaping(r: &mut Resolver<'_>, routes: &[Draft]) {
    for route in routes {
        let (Ok(Some(shaping)), Ok(path)) = (&route.shape, &route.path) else { continue };
        let (Ok(max_body), Ok(upstream)) = (route.max_body, &route.upstream) else { continue };
        let Ok(verify) = &route.verify else { continue };
        let [has_own_token, has_own_upstream] = route.has_own;
        let (is_verified, is_to_openclaw) = (verify.is_some(), !has_own_upstream);
        let route = ShapingRoute {
            path,
            max_body,
            upstream,
            is_verified,
            has_own_token,
            is_to_openclaw,
            shaping,
        };
        shape::check(r, &route);
    }
}

/// `origin` has paths for flags or environment.
fn warn_of_replaced_tables(r: &mut Resolver<'_>, origin: &Origin) {
    let Some(first) = r.sources.routes.first() else { return };
    let what = format!(
        "replaces the whole list of [[route]] tables ({} from {}), with their rules",
        r.sources.routes.len(),
        first.origin
    );
    r.report.warning(origin, what, "remove it to have the routes of the file");
}

fn warn_of_unused_methods(r: &mut Resolver<'_>, tables: &[RouteTable]) {
    let all_have_methods = tables.iter().all(|table| table.layer.get(&keys::ROUTE_METHODS).is_some());
    if let Some(origin) = r.origin(&keys::ROUTE_METHODS).filter(|_| all_have_methods) {
        let what = "has no effect: every [[route]] table names its own methods";
        r.report.warning(&origin, what, "remove it, or change the tables");
    }
}

fn overlap(a: &Methods, b: &Methods) -> bool {
    match (a, b) {
        (Methods::Any, _) | (_, Methods::Any) => true,
        (Methods::Only(a), Methods::Only(b)) => a.iter().any(|method| b.contains(method)),
    }
}
