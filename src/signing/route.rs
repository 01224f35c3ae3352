//! The route that a request reaches, found as for a request of a client.

use std::sync::Arc;

use http::Method;
use thiserror::Error;

use crate::config::{RouteSettings, VerifySettings};
use crate::policy::{Authenticate, Rules};
use crate::route::{Methods, NoRoute, PathError, RequestPath, Route, Routes};
use crate::telemetry::metrics::Metrics;

/// A route that verifies signatures, and a method that it allows.
#[derive(Clone, Debug)]
pub struct FoundRoute<'a> {
    /// The route.
    pub route: &'a RouteSettings,
    /// How it verifies signatures.
    pub verify: &'a Arc<VerifySettings>,
    /// The method that was asked for, or else POST, or the first one of the route.
    pub method: Method,
}

/// Why a request reaches no route that verifies signatures.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RouteError {
    /// No request may have such a path.
    #[error("`{0}` is no path of a request: {1}")]
    Path(String, PathError),
    /// No route has this path.
    #[error("no route is open for {path}; {known}")]
    NoRoute {
        /// The path that was asked for.
        path: String,
        /// The routes that verify signatures, as the end of a sentence.
        known: String,
    },
    /// The path is another spelling of this one.
    #[error("no route is open for {0}: write {1}")]
    Alias(String, String),
    /// The route does not allow the method.
    #[error("the route {path} does not allow {method}, but only {allowed}")]
    Method {
        /// The route.
        path: String,
        /// The method that was asked for.
        method: Method,
        /// Those that it allows.
        allowed: String,
    },
    /// The route verifies no signatures.
    #[error("the route {0} verifies no signatures: it has no [route.verify]")]
    Unsigned(String),
}

/// The route that a request with this target (a path, perhaps with a query) reaches.
///
/// # Errors
/// When there is none, or it verifies no signatures.
pub fn find_route<'a>(
    routes: &'a [RouteSettings],
    method: Option<&Method>,
    target: &str,
) -> Result<FoundRoute<'a>, RouteError> {
    let text = target.split('?').next().unwrap_or_default();
    let path = RequestPath::parse(text).map_err(|error| RouteError::Path(text.to_owned(), error))?;
    let table = table(routes);
    let method = method.cloned().unwrap_or_else(|| method_for(&table, &path));
    let found = table.find(&method, &path).map_err(|error| match error {
        NoRoute::Path => RouteError::NoRoute { path: text.to_owned(), known: known(routes) },
        NoRoute::Alias(right) => RouteError::Alias(text.to_owned(), right.to_string()),
        NoRoute::Method { allowed, .. } => RouteError::Method {
            path: text.to_owned(),
            method: method.clone(),
            allowed: allowed.to_string(),
        },
    })?;
    let route = found.upstream;
    match &route.verify {
        Some(verify) => Ok(FoundRoute { route, verify, method }),
        None => Err(RouteError::Unsigned(route.path.to_string())),
    }
}

/// The routes as clawgate looks them up.
fn table(routes: &[RouteSettings]) -> Routes<&RouteSettings> {
    fn route<'a>(metrics: &Metrics, settings: &'a RouteSettings) -> Route<&'a RouteSettings> {
        let RouteSettings { path, methods, max_body, .. } = settings;
        Route {
            path: path.clone(),
            methods: methods.clone(),
            rules: Rules::default(),
            authenticate: Authenticate::default(),
            max_body: *max_body,
            extras: None,
            upstream: settings,
            metrics: metrics.route(&path.to_string()),
        }
    }
    let metrics = Metrics::new();
    Routes::new(routes.iter().map(|settings| route(&metrics, settings)).collect())
}

/// POST where a route allows it, else the first method that one allows.
fn method_for(table: &Routes<&RouteSettings>, path: &RequestPath<'_>) -> Method {
    let Err(NoRoute::Method { path: pattern, .. }) = table.find(&Method::POST, path) else {
        return Method::POST;
    };
    let first = table.with_pattern(pattern).find_map(|route| match &route.methods {
        Methods::Any => None,
        Methods::Only(methods) => methods.first().cloned(),
    });
    first.unwrap_or(Method::POST)
}

fn known(routes: &[RouteSettings]) -> String {
    let signed = routes.iter().filter(|route| route.verify.is_some());
    let paths: Vec<_> = signed.map(|route| route.path.to_string()).collect();
    match paths.as_slice() {
        [] => "no route verifies signatures ([route.verify])".to_owned(),
        paths => format!("those that verify signatures are {}", paths.join(", ")),
    }
}
