//! The settings, checked and ready to use.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::admin::AdminAddress;
use super::files::Files;
use super::in_use::InUse;
use super::log::LogSettings;
use super::problem::Problem;
use super::secret::BearerToken;
use super::shape::ShapingSettings;
use super::values::shown_collector;
use super::verify::VerifySettings;
use crate::inbox::{InboxSettings, JetStreamSettings, RouteInbox, StorePlace};
use crate::limits::{Limits, StartupLimits};
use crate::pki::material::{Material, MaterialPaths};
use crate::policy::{Authenticate, Revoke, Rules};
use crate::relay::settings::RelaySettings;
use crate::route::{Methods, PathPattern};
use crate::signature::ReplayBy;
use crate::tls::RefuseWith;
use crate::tls::parameters::Parameters;
use crate::upstream::{Forwarding, Target, UpstreamTls};

/// All settings. Only [`load`](super::load) makes them from what people write, and it reports every mistake instead.
#[derive(Debug)]
pub struct Settings {
    /// What holds until a restart.
    pub startup: Startup,
    /// What a reload replaces.
    pub reloadable: Reloadable,
    /// Where events are stored: there if it is named, also if no route stores events.
    pub inbox_place: Option<StorePlace>,
    /// All files and folders that the settings name, the TOML file itself among them.
    pub files: Files,
    /// All values as text, without secrets.
    pub in_use: InUse,
    /// What should be known, but does no harm by itself.
    pub warnings: Vec<Problem>,
}

/// The settings that are read at the start, and that only a restart changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Startup {
    /// Addresses for clients; none twice, but for port 0. There may be none if there are others.
    pub listen: Vec<SocketAddr>,
    /// Addresses for load balancers, which send a PROXY header first; none is also in `listen`.
    pub listen_proxy: Vec<SocketAddr>,
    /// Addresses where no certificate is asked for, and only routes that verify signatures are open; none is also one of
    /// those above.
    pub listen_signed: Vec<SocketAddr>,
    /// Whether another clawgate may still be listening there, from which this one takes over.
    pub takeover: bool,
    /// Number of worker threads.
    pub workers: NonZeroUsize,
    /// Where health and metrics are served, if anywhere.
    pub admin: Option<AdminAddress>,
    /// Where programs of this machine send events to APIs, if anywhere.
    pub relay: Option<AdminAddress>,
    /// Whether the console may add lines to the denylist.
    pub edit_denylist: bool,
    /// Whether the files are watched, and read again when one changes.
    pub watch: bool,
    /// Whether clawgate gives up what its settings do not need, where the kernel can do that.
    pub sandbox: bool,
    /// Time for requests in progress to finish after a signal to stop; may be zero.
    pub drain_timeout: Duration,
    /// How many connections there may be, and for how long.
    pub limits: StartupLimits,
    /// What is logged, and how.
    pub log: LogSettings,
    /// Where spans go, if anywhere; always `None` without the feature `otlp`.
    pub trace: Option<TraceSettings>,
    /// Where events are stored; there exactly if a route or a target delivers from the inbox.
    pub inbox: Option<InboxSettings>,
    /// Where several instances remember together which signed requests were delivered; there if events are stored in NATS, and a route
    /// without an inbox recognises repeated requests.
    pub shared_replays: Option<Arc<JetStreamSettings>>,
}

/// The settings that a reload replaces.
#[derive(Clone, Debug)]
pub struct Reloadable {
    /// Addresses of load balancers; at least one block where `listen_proxy` has an address.
    pub proxy_sources: Vec<IpNet>,
    /// What webhook senders call: scheme, host and perhaps port, without a slash at the end.
    pub public_url: Option<Arc<str>>,
    /// Time for a whole TLS handshake.
    pub handshake_timeout: Duration,
    /// Certificates, keys, client CAs and CRLs, as they were when the settings were loaded.
    pub material: Material,
    /// The files they were read from.
    pub material_paths: MaterialPaths,
    /// Which clients may connect.
    pub clients_rules: Rules,
    /// When to close the connection of a client that is no longer admitted.
    pub revoke: Revoke,
    /// How to refuse a client.
    pub refuse_with: RefuseWith,
    /// Whether a client is refused that asks for a server name that no certificate has.
    pub strict_sni: bool,
    /// What a handshake may agree on.
    pub tls: Parameters,
    /// The file for the secrets of TLS, if they are to be written.
    pub key_log_file: Option<PathBuf>,
    /// What is open; at least one, and no two with the same path and a common method.
    pub routes: Vec<RouteSettings>,
    /// What a client may use.
    pub limits: Limits,
    /// The token that all but health requires on the admin listener.
    pub admin_token: Option<BearerToken>,
    /// Where events for APIs come from, and where they go.
    pub relay: RelaySettings,
    /// Whether the console shows stored requests to those who show the token.
    pub admin_show_bodies: bool,
    /// One in so many of the successful requests is logged.
    pub log_sample_2xx: u64,
    /// Whether refused connections are logged with all of their ClientHello.
    pub log_client_hello: bool,
}

/// An open path with all that belongs to it.
#[derive(Clone, Debug)]
pub struct RouteSettings {
    /// Its path, or the paths below it.
    pub path: PathPattern,
    /// Its methods.
    pub methods: Methods,
    /// What clients must show.
    pub authenticate: Authenticate,
    /// How signatures are verified; there exactly if `authenticate` is not `Certificate`, and the settings were loaded to
    /// serve.
    pub verify: Option<Arc<VerifySettings>>,
    /// How its events are stored and delivered; `None` if its requests are delivered at once.
    pub inbox: Option<RouteInbox>,
    /// What is taken out of bodies; `None`: nothing.
    pub shape: Option<ShapingSettings>,
    /// Which of the clients that may connect may use it.
    pub rules: Rules,
    /// Largest request body, in bytes.
    pub max_body: u64,
    /// The target of the relay that gets its requests in place of the upstream.
    pub relay: Option<Arc<str>>,
    /// Where its requests go. Routes with equal upstreams share a pool of connections.
    pub upstream: UpstreamSettings,
}

impl RouteSettings {
    /// Whether clawgate remembers its delivered requests, to recognise them if they come again. An inbox remembers events itself.
    pub fn has_replay_window(&self) -> bool {
        let replay = self.verify.as_ref().map(|verify| verify.verifier.scheme().replay());
        self.inbox.is_none() && replay.is_some_and(|replay| replay != ReplayBy::Off)
    }

    /// Whether values of its bodies become pseudonyms.
    pub fn makes_pseudonyms(&self) -> bool {
        self.shape.as_ref().is_some_and(|shape| !shape.rules.hash.is_empty())
    }

    /// Whether the rules of each route that clients with a certificate may use name these clients.
    pub fn all_name_clients(routes: &[Self]) -> bool {
        let mut certified = routes.iter().filter(|route| route.authenticate.admits_certificates());
        !routes.is_empty() && certified.all(|route| route.rules.name_clients())
    }
}

/// How to reach an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Its address.
    pub target: Target,
    /// The CA file to trust instead of the system's roots. Only there when the target is `https`.
    pub ca: Option<PathBuf>,
    /// The file with the client certificate for it, if there is one; as above.
    pub certificate: Option<PathBuf>,
    /// TLS to it, from the content of these files; as above.
    pub secure: Option<UpstreamTls>,
    /// The token that replaces the client's `Authorization`; without one, that is passed on.
    pub token: Option<BearerToken>,
    /// Where the token came from, for hints: `--hook-token-file /run/token`. Without a token, what
    /// to set to have one.
    pub token_origin: String,
    /// What it learns about the client.
    pub forwarding: Forwarding,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time from the request until the head of the response.
    pub response_timeout: Duration,
    /// Longest pause between two pieces of a body.
    pub idle_timeout: Duration,
    /// Requests to it at the same time, of all workers together.
    pub connections: usize,
    /// Requests that may wait for one of these to end.
    pub queue: usize,
}

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// The collector: `http` or `https`.
    pub collector: Target,
    /// The path for spans there.
    pub path: String,
    /// The CA file to trust instead of the system's roots.
    pub ca: Option<PathBuf>,
    /// TLS to it, where it is `https`.
    pub secure: Option<UpstreamTls>,
    /// The token for it.
    pub token: Option<BearerToken>,
    /// One in so many of the traces that begin here is exported.
    pub sample: u64,
    /// The `service.name` of clawgate's spans.
    pub service: String,
}

impl TraceSettings {
    /// The collector without what stands before `/v1/traces` in its path: some collectors have a token there.
    pub fn shown(&self) -> String {
        shown_collector(&self.collector, &self.path)
    }
}
