//! Settings, with everything that can be built from them without the network.

use std::sync::Arc;
use std::time::Duration;

use super::error::PrepareError;
use super::signed_routes::SignedRoutes;
use super::targets::{KeptTargets, clients};
use super::upstreams::{PreparedUpstream, WorkerUpstream};
use crate::config::{RouteSettings, Settings};
use crate::connection::ClientAuth;
use crate::dispatch::{Destination, DispatchRoute, DispatchRoutes, RouteUpstream};
use crate::identity::San;
use crate::inbox::DeadReason;
use crate::pipeline::{Access, RequestSettings, Snapshot};
use crate::pki::CertificateCaches;
use crate::relay::client::TargetClient;
use crate::relay::target::RelayTarget;
use crate::route::{Route, RouteExtras, Routes};
use crate::signature::shared_replays::SharedReplays;
use crate::telemetry::metrics::Metrics;
use crate::tls::{Acceptor, HandshakeSettings};

/// The waits between two tries of an event, if clawgate was started without an inbox. Nothing is tried then.
const NO_RETRY: Duration = Duration::ZERO;

/// Checked settings, ready for use.
#[derive(Debug)]
pub struct Prepared {
    settings: Settings,
    acceptor: Arc<Acceptor>,
    upstreams: Vec<PreparedUpstream>,
    signed: Arc<SignedRoutes>,
    targets: Vec<Arc<RelayTarget>>,
}

impl Prepared {
    /// Builds everything that can fail without the network. `caches`, `signed` and `kept` are those of the generation before.
    pub(super) fn new(
        settings: Settings,
        caches: Arc<CertificateCaches>,
        signed: Arc<SignedRoutes>,
        kept: &KeptTargets,
    ) -> Result<Self, PrepareError> {
        let reloadable = &settings.reloadable;
        let handshake = HandshakeSettings {
            timeout: reloadable.handshake_timeout,
            greeting_timeout: reloadable.limits.greeting_timeout,
            refuse_with: reloadable.refuse_with,
            strict_sni: reloadable.strict_sni,
            proxy_sources: reloadable.proxy_sources.clone(),
            log_client_hello: reloadable.log_client_hello,
        };
        let (rules, tls) = (reloadable.clients_rules.clone(), reloadable.tls.clone());
        let acceptor = Acceptor::new(&reloadable.material, caches, rules, tls, handshake)?;
        let mut upstreams: Vec<PreparedUpstream> = Vec::new();
        for RouteSettings { upstream, .. } in &reloadable.routes {
            if !upstreams.iter().any(|prepared| prepared.is_for(upstream)) {
                upstreams.push(PreparedUpstream::new(upstream)?);
            }
        }
        let targets = kept.prepare(reloadable)?;
        Ok(Self { settings, acceptor: Arc::new(acceptor), upstreams, signed, targets })
    }

    /// Forgets what is remembered of routes that these settings do not have.
    pub(super) fn forget_other_routes(&self) {
        self.signed.keep(&self.settings.reloadable.routes);
    }

    /// Lets the routes of this generation and of all later ones remember delivered requests together with other instances.
    pub(crate) fn share_replays(&self, replays: Arc<dyn SharedReplays>) {
        self.signed.share(replays);
    }

    /// The targets of the relay.
    pub(crate) fn targets(&self) -> &[Arc<RelayTarget>] {
        &self.targets
    }

    /// The settings that it was built from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The snapshot that one worker serves with, and its upstreams. Those in `existing` whose settings did not change
    /// are used again, with their connections.
    pub(super) fn snapshot(
        &self,
        number: u64,
        existing: &[WorkerUpstream],
        metrics: &Metrics,
    ) -> (Snapshot, Vec<WorkerUpstream>) {
        let workers = self.settings.startup.workers.get();
        let upstreams = self.upstreams.iter();
        let upstreams: Vec<_> =
            upstreams.map(|upstream| upstream.for_worker(existing, workers, metrics)).collect();
        let reloadable = &self.settings.reloadable;
        let extras = |route: &RouteSettings| {
            let verify = route.verify.as_ref();
            let extras = RouteExtras {
                verification: verify
                    .map(|verify| self.signed.verification(route, verify, reloadable, metrics)),
                shape: route.shape.as_ref().map(|shape| Arc::clone(&shape.route)),
                inbox: route.inbox.clone(),
                relay: route.relay.clone(),
            };
            (!extras.is_empty()).then(|| Box::new(extras))
        };
        let route = |settings: &RouteSettings| {
            // Always found: `new` has prepared the upstream of every route.
            let same = upstreams.iter().find(|upstream| upstream.settings == settings.upstream)?;
            Some(Route {
                path: settings.path.clone(),
                methods: settings.methods.clone(),
                rules: settings.rules.clone(),
                authenticate: settings.authenticate,
                max_body: settings.max_body,
                extras: extras(settings),
                upstream: Arc::clone(&same.upstream),
                metrics: metrics.route(&settings.path.to_string()),
            })
        };
        let access = |client_auth, limits| {
            let served = |route: &&RouteSettings| route.authenticate.is_served_with(client_auth);
            let routes = reloadable.routes.iter().filter(served).filter_map(route);
            Access { routes: Routes::new(routes.collect()), limits }
        };
        let requests = RequestSettings {
            certificates: access(ClientAuth::Required, reloadable.limits),
            signatures: access(ClientAuth::None, reloadable.limits.without_client_auth()),
            largest_body: reloadable.routes.iter().map(|route| route.max_body).max().unwrap_or(0),
            log_one_in: reloadable.log_sample_2xx,
            several_names: self.has_several_names(),
        };
        let (acceptor, revoke) = (Arc::clone(&self.acceptor), reloadable.revoke);
        (Snapshot { number, acceptor, revoke, requests }, upstreams)
    }

    /// The routes with an inbox and the targets of the relay, with upstreams and clients for the dispatcher's thread. Those in
    /// `existing` whose settings did not change are used again, with their connections.
    pub(super) fn dispatch_routes(
        &self,
        (existing, existing_clients): (&[WorkerUpstream], &[Arc<TargetClient>]),
        metrics: &Metrics,
    ) -> (DispatchRoutes, Vec<WorkerUpstream>, Vec<Arc<TargetClient>>) {
        let stored = self.settings.reloadable.routes.iter().filter_map(|route| {
            let inbox = route.inbox.clone()?;
            Some((route, inbox))
        });
        let mut upstreams: Vec<WorkerUpstream> = Vec::new();
        let mut routes = Vec::new();
        for (route, inbox) in stored {
            let same = upstreams.iter().find(|upstream| upstream.settings == route.upstream);
            let upstream = same.map(|same| Arc::clone(&same.upstream)).or_else(|| {
                let prepared =
                    self.upstreams.iter().find(|upstream| upstream.is_for(&route.upstream))?;
                // One thread delivers, so its upstreams get the limits undivided.
                let new = prepared.for_worker(existing, 1, metrics);
                let upstream = Arc::clone(&new.upstream);
                upstreams.push(new);
                Some(upstream)
            });
            // Always found: `new` has prepared the upstream of every route.
            let Some(upstream) = upstream else { continue };
            let reasons = DeadReason::ALL.into_iter().map(DeadReason::as_str);
            metrics.inbox().declare(&route.path.shared(), reasons);
            routes.push(DispatchRoute {
                path: route.path.shared(),
                inbox,
                destination: Destination::Upstream(RouteUpstream {
                    upstream,
                    is_exact: !route.path.is_prefix(),
                    passes_authorization: route.upstream.token.is_none(),
                }),
            });
        }
        let clients = clients(&self.targets, existing_clients, metrics);
        // Also of those that store no events any more: some may wait.
        routes.extend(clients.iter().map(|client| DispatchRoute::of_target(Arc::clone(client))));
        for target in self.targets.iter().filter(|target| target.stores_events()) {
            let reasons = DeadReason::ALL.into_iter().map(DeadReason::as_str);
            metrics.inbox().declare(target.route(), reasons);
        }
        let inbox = self.settings.startup.inbox.as_ref();
        let routes = DispatchRoutes {
            routes,
            retry_first: inbox.map_or(NO_RETRY, |inbox| inbox.retry_first),
            retry_max: inbox.map_or(NO_RETRY, |inbox| inbox.retry_max),
        };
        (routes, upstreams, clients)
    }

    /// Whether the certificates are for more than one DNS name.
    fn has_several_names(&self) -> bool {
        let names = self.settings.reloadable.material.server_names();
        let dns = names.iter().filter_map(|name| match name {
            San::Dns(name) => Some(name.as_str()),
            _ => None,
        });
        dns.clone().count() > 1 || dns.clone().any(|name| name.starts_with("*."))
    }
}
