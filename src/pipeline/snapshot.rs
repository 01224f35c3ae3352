//! Everything that a reload replaces, as one value.

use std::sync::Arc;

use crate::connection::ClientAuth;
use crate::limits::Limits;
use crate::policy::{Grant, Principal, Revoke};
use crate::route::{Route, Routes};
use crate::signature::Verifier;
use crate::tls::Acceptor;
use crate::upstream::Upstream;

/// One generation of the configuration. A request keeps the one that it began with, so that it never sees a mixture of
/// old and new settings.
#[derive(Debug)]
pub struct Snapshot {
    /// The number of the generation; the first is 1.
    pub number: u64,
    /// Accepts TLS connections, and verifies clients.
    pub acceptor: Arc<Acceptor>,
    /// When to close a connection whose client is no longer admitted.
    pub revoke: Revoke,
    /// How requests are handled.
    pub requests: RequestSettings,
}

/// How requests are handled. Shared by all connections of one worker.
#[derive(Debug)]
pub struct RequestSettings {
    /// For clients with a certificate.
    pub certificates: Access,
    /// For clients without one.
    pub signatures: Access,
    /// The largest `max_body` of all routes, in bytes.
    pub largest_body: u64,
    /// One of this many successful requests is logged.
    pub log_one_in: u64,
    /// Whether clawgate's certificate is valid for several names.
    pub several_names: bool,
}

/// What the clients of one kind of listener may use.
#[derive(Debug)]
pub struct Access {
    /// The routes that such a listener has.
    pub routes: Routes<Arc<Upstream>>,
    /// The limits of clients and requests.
    pub limits: Limits,
}

impl RequestSettings {
    /// The verifiers of all routes, with the paths of the routes.
    pub(super) fn verifiers(&self) -> impl Iterator<Item = (Arc<str>, &Verifier)> {
        let routes = self.certificates.routes.iter().chain(self.signatures.routes.iter());
        routes.filter_map(|route| Some((route.path.shared(), &*route.verification()?.verifier)))
    }

    /// What clients of this kind may use.
    pub fn access(&self, client_auth: ClientAuth) -> &Access {
        match client_auth {
            ClientAuth::Required => &self.certificates,
            ClientAuth::None => &self.signatures,
        }
    }
}

/// A route, with its upstream.
pub(super) type UpstreamRoute = Route<Arc<Upstream>>;

/// Proof that a client may use a route.
pub(super) type RouteGrant<'a> = Grant<'a, UpstreamRoute>;

/// Proof that a request is authenticated as its route demands.
pub(super) type RoutePrincipal<'a> = Principal<'a, UpstreamRoute>;
