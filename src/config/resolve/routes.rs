//! What is open: the `[[route]]` tables, or the paths from flags and environment.

use super::Resolver;
use super::upstream::Shared;
use crate::config::file::RouteTable;
use crate::config::key::Key;
use crate::config::keys;
use crate::config::layers::{Layer, Sourced};
use crate::config::limits::Limits;
use crate::config::settings::RouteSettings;
use crate::config::units::format_size;
use crate::config::values::{self, Wrong, read_all};
use crate::policy::Rules;
use crate::route::{Methods, PathPattern};
use crate::upstream::Target;

/// What OpenClaw takes (`hooks.maxBodyBytes`); a larger request is answered with 413.
const OPENCLAW_BODY: u64 = 256 * 1024;

impl Resolver<'_> {
    pub(super) fn routes(&mut self, limits: &Limits) -> Vec<RouteSettings> {
        let methods = self.many(&keys::ROUTE_METHODS, values::method);
        let methods = Methods::parse(methods.iter().map(|method| method.value.as_str()));
        let common = Common {
            methods: methods.unwrap_or(Methods::Any),
            body: limits.body,
            upstream: self.shared_upstream(),
        };
        let paths_from_outside = self.sources.layers.get(&keys::ROUTE_PATH).is_some();
        let routes = if paths_from_outside || self.sources.routes.is_empty() {
            let paths = self.many(&keys::ROUTE_PATH, values::path_pattern);
            self.warn_of_replaced_tables(&paths);
            paths.into_iter().map(|path| self.route(path, None, &common)).collect()
        } else {
            self.warn_of_idle_methods();
            self.routes_of_file(&common)
        };
        self.check_overlaps(&routes);
        self.check_lengths(&routes, limits.uri);
        self.warn_of_colons(&routes);
        self.warn_of_large_bodies(&routes, common.upstream.target());
        let routes: Vec<RouteSettings> = routes.into_iter().map(|route| route.value).collect();
        let upstreams: Vec<_> = routes.iter().map(|route| route.upstream.clone()).collect();
        common.upstream.check_secure_is_used(&upstreams, &mut self.report);
        routes
    }

    fn routes_of_file(&mut self, common: &Common) -> Vec<Sourced<RouteSettings>> {
        let sources = self.sources;
        let mut routes = Vec::new();
        for RouteTable { origin, layer } in &sources.routes {
            if layer.get(&keys::ROUTE_PATH).is_none() && !sources.torn {
                let hint = "add e.g. path = \"/hooks/\"";
                self.report.problem(origin, "has no path", hint);
            }
            let stand_in = || "/".parse().ok().map(|value| Sourced { value, origin: origin.clone() });
            let path = self.in_table(layer, &keys::ROUTE_PATH, values::path_pattern).pop();
            let known = path.is_some();
            let Some(path) = path.or_else(stand_in) else { continue };
            let route = self.route(path, Some(layer), common);
            // Without its path, whether it overlaps another cannot be told.
            if known {
                routes.push(route);
            }
        }
        routes
    }

    fn route(
        &mut self,
        path: Sourced<PathPattern>,
        table: Option<&Layer>,
        common: &Common,
    ) -> Sourced<RouteSettings> {
        let Sourced { value: path, origin } = path;
        let mut methods = common.methods.clone();
        let mut rules = Rules::default();
        let mut max_body = common.body;
        if let Some(table) = table {
            if table.get(&keys::ROUTE_METHODS).is_some() {
                let own = self.in_table(table, &keys::ROUTE_METHODS, values::method);
                let own = Methods::parse(own.iter().map(|method| method.value.as_str()));
                methods = own.unwrap_or(Methods::Any);
            }
            rules = self.route_rules(table);
            if let Some(own) = self.in_table(table, &keys::ROUTE_BODY, values::body_size).pop() {
                max_body = own.value;
            }
        }
        let value = RouteSettings {
            path,
            methods,
            rules,
            max_body,
            upstream: common.upstream.for_route(table, &mut self.report),
        };
        Sourced { value, origin }
    }

    pub(super) fn in_table<T>(
        &mut self,
        table: &Layer,
        key: &Key,
        read: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Vec<Sourced<T>> {
        read_all(table.get(key).unwrap_or_default(), read, &mut self.report)
    }

    fn check_overlaps(&mut self, routes: &[Sourced<RouteSettings>]) {
        for (i, route) in routes.iter().enumerate() {
            let overlaps = |other: &&Sourced<RouteSettings>| {
                other.value.path == route.value.path
                    && overlap(&other.value.methods, &route.value.methods)
            };
            if let Some(other) = routes[..i].iter().find(overlaps) {
                let RouteSettings { path, methods, .. } = &route.value;
                let what = format!(
                    "`{path}` with {methods} is open twice: {} has it with {}",
                    other.origin, other.value.methods
                );
                let hint = "take one of them out, or give them different paths or methods";
                self.report.problem(&route.origin, what, hint);
            }
        }
    }

    /// `uri`: the longest path with its query that is taken, in bytes.
    fn check_lengths(&mut self, routes: &[Sourced<RouteSettings>], uri: usize) {
        for Sourced { value: route, origin } in routes {
            let length = route.path.shared().len();
            if length > uri {
                let what = format!(
                    "`{}` could never match: it has {length} bytes, and limits.uri refuses more than {uri}",
                    route.path
                );
                self.report.problem(origin, what, "raise limits.uri, or shorten the path");
            }
        }
    }

    fn warn_of_colons(&mut self, routes: &[Sourced<RouteSettings>]) {
        for Sourced { value: route, origin } in routes {
            if let Some(segment) = route.path.colon_segment() {
                let what = format!("`{segment}` is no placeholder: the route takes that text alone");
                let hint = "to open all below a path, end it with a slash, such as `/hooks/`";
                self.report.warning(origin, what, hint);
            }
        }
    }

    /// A route that names an upstream of its own says by that that it is not OpenClaw.
    fn warn_of_large_bodies(&mut self, routes: &[Sourced<RouteSettings>], openclaw: Option<&Target>) {
        for Sourced { value: route, origin } in routes {
            let target = &route.upstream.target;
            if route.max_body > OPENCLAW_BODY
                && matches!(target, Target::Http { .. })
                && openclaw.is_none_or(|openclaw| openclaw == target)
            {
                let what = format!(
                    "`{}` takes bodies up to {}, but OpenClaw refuses more than {OPENCLAW_BODY} bytes",
                    route.path,
                    format_size(route.max_body)
                );
                let hint = "lower limits.body to 256KiB, unless the upstream is not OpenClaw";
                self.report.warning(origin, what, hint);
            }
        }
    }

    fn warn_of_replaced_tables(&mut self, paths: &[Sourced<PathPattern>]) {
        let (Some(path), [first, ..]) = (paths.first(), self.sources.routes.as_slice()) else {
            return;
        };
        let what = format!(
            "replaces the whole list of [[route]] tables ({} from {}), their rules too",
            self.sources.routes.len(),
            first.origin
        );
        self.report.warning(&path.origin, what, "take it out to have the routes of the file");
    }

    fn warn_of_idle_methods(&mut self) {
        let names_none = |table: &RouteTable| table.layer.get(&keys::ROUTE_METHODS).is_none();
        let given = self.sources.layers.get(&keys::ROUTE_METHODS).and_then(<[_]>::first);
        if let Some(given) = given
            && !self.sources.routes.iter().any(names_none)
        {
            let what = "has no effect: every [[route]] table names its own methods";
            self.report.warning(&given.origin, what, "take it out, or change the tables");
        }
    }
}

/// What holds for routes that do not say otherwise.
struct Common {
    methods: Methods,
    body: u64,
    upstream: Shared,
}

fn overlap(a: &Methods, b: &Methods) -> bool {
    match (a, b) {
        (Methods::Any, _) | (_, Methods::Any) => true,
        (Methods::Only(a), Methods::Only(b)) => a.iter().any(|method| b.contains(method)),
    }
}
