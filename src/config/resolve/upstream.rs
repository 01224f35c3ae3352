//! Where requests go, and with which token.

use std::path::Path;
use std::time::Duration;

use super::resolver::Resolver;
use super::token::{Token, strongest};
use super::{forwarding, secure};
use crate::config::key::Key;
use crate::config::keys;
use crate::config::layers::{Layer, Sourced};
use crate::config::problem::Found;
use crate::config::settings::UpstreamSettings;
use crate::upstream::Target;

/// What `[upstream]` says, for all routes.
pub(super) struct Shared {
    /// The upstream of routes that name none.
    pub(super) target: Found<Sourced<Target>>,
    secure: secure::Shared,
    token: Found<Option<Token>>,
    forwarding: forwarding::Shared,
    limits: Found<Limits>,
}

/// How long an upstream may take, and how many requests it gets.
#[derive(Clone, Copy)]
struct Limits {
    connect_timeout: Duration,
    response_timeout: Duration,
    idle_timeout: Duration,
    connections: usize,
    queue: usize,
}

impl Shared {
    pub(super) fn new(r: &mut Resolver<'_>) -> Self {
        let layers = &r.sources.layers.0;
        Self {
            token: strongest(layers, &keys::TOKEN, &keys::TOKEN_FILE, &mut r.report),
            target: r.sourced(&keys::UPSTREAM),
            secure: secure::Shared::new(r),
            forwarding: forwarding::Shared::new(r),
            limits: limits(r),
        }
    }

    /// The upstream of a route with the keys of `table`.
    pub(super) fn for_route(
        &mut self,
        r: &mut Resolver<'_>,
        table: Option<&Layer>,
    ) -> Found<UpstreamSettings> {
        let own = table.map_or(Ok(None), |table| r.optional_in(table, &keys::ROUTE_UPSTREAM));
        let is_own = table.is_some_and(|table| table.get(&keys::ROUTE_UPSTREAM).is_some());
        let token = match table {
            None => self.token.clone(),
            Some(table) => self.token_of_route(r, table, is_own),
        };
        let target = match own {
            Ok(Some(own)) => Ok(own),
            Ok(None) => self.target.clone(),
            Err(reported) => Err(reported),
        };
        let secure = match &target {
            Ok(target) => self.secure.to(r, &target.value, is_own, &target.origin),
            Err(reported) => Err(*reported),
        };
        let named = target.as_ref().map(|target| &target.value).map_err(|reported| *reported);
        let forwarding = self.forwarding.for_route(r, table, named);
        let (target, token, limits) = (target?.value, token?, self.limits?);
        let is_https = matches!(target, Target::Https { .. });
        let file = |path: Option<&Path>| path.filter(|_| is_https).map(Path::to_owned);
        let way_to_token: &Key =
            if table.is_some() { &keys::ROUTE_TOKEN_FILE } else { &keys::TOKEN_FILE };
        Ok(UpstreamSettings {
            target,
            ca: file(self.secure.ca()),
            certificate: file(self.secure.certificate()),
            secure: secure?,
            token_origin: token
                .as_ref()
                .map_or_else(|| way_to_token.ways(), |token| token.shown_origin.clone()),
            token: token.map(|token| token.token),
            forwarding: forwarding?,
            connect_timeout: limits.connect_timeout,
            response_timeout: limits.response_timeout,
            idle_timeout: limits.idle_timeout,
            connections: limits.connections,
            queue: limits.queue,
        })
    }

    /// `has_upstream`: the route names an upstream of its own.
    fn token_of_route(
        &self,
        r: &mut Resolver<'_>,
        table: &Layer,
        has_upstream: bool,
    ) -> Found<Option<Token>> {
        let own = strongest([table], &keys::ROUTE_TOKEN, &keys::ROUTE_TOKEN_FILE, &mut r.report);
        let inject = r.optional_in(table, &keys::ROUTE_INJECT_TOKEN);
        let (own, inject) = (own?, inject?);
        // The token is OpenClaw's. Another upstream gets it only when its route says so itself.
        let token = match &own {
            Some(own) => Some(own.clone()),
            None if has_upstream => None,
            None => self.token.clone()?,
        };
        let Some(Sourced { value: inject, origin }) = inject else { return Ok(token) };
        if inject && token.is_none() {
            let hint = "give the route a token_file, or remove this";
            r.report.problem(&origin, "is true, but this route has no token to inject", hint);
        }
        if let (false, Some(own)) = (inject, own) {
            let what = format!("is false, but the route has a token at {}", own.origin);
            r.report.problem(&origin, what, "remove one of the two");
        }
        Ok(token.filter(|_| inject))
    }
}

fn limits(r: &mut Resolver<'_>) -> Found<Limits> {
    Ok(Limits {
        connect_timeout: r.value(&keys::CONNECT_TIMEOUT)?,
        response_timeout: r.value(&keys::RESPONSE_TIMEOUT)?,
        idle_timeout: r.value(&keys::UPSTREAM_IDLE_TIMEOUT)?,
        connections: r.value(&keys::UPSTREAM_CONNECTIONS)?,
        queue: r.value(&keys::UPSTREAM_QUEUE)?,
    })
}
