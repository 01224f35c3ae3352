//! The settings, checked and ready to use.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::admin::AdminSettings;
use super::files::Files;
use super::in_use::InUse;
use super::log::LogSettings;
use super::problem::Problem;
use super::secret::BearerToken;
use super::values::shown_collector;
use crate::limits::Limits;
use crate::pki::material::{Material, MaterialPaths};
use crate::policy::{Revoke, Rules};
use crate::route::{Methods, PathPattern};
use crate::tls::RefuseWith;
use crate::tls::parameters::Parameters;
use crate::upstream::{Forwarding, Target, UpstreamTls};

/// All that clawgate needs to know to run. Only [`load`](super::load) makes one from what people
/// write, and it reports every mistake instead.
#[derive(Debug)]
pub struct Settings {
    /// Where clients connect; none twice, but for port 0, and none at all where only load balancers do.
    pub listen: Vec<SocketAddr>,
    /// Where load balancers connect, with a PROXY header before each connection.
    pub proxy: ProxySettings,
    /// Whether another gate may be listening there still, which this one takes over from.
    pub takeover: bool,
    /// Time for a whole TLS handshake.
    pub handshake_timeout: Duration,
    /// Certificate, key, client CAs and CRLs, as they were when the settings were loaded.
    pub material: Material,
    /// The files they were read from.
    pub material_paths: MaterialPaths,
    /// Who may connect at all.
    pub clients_rules: Rules,
    /// What becomes of connections whose client is not admitted any more.
    pub revoke: Revoke,
    /// How a refused client hears of it.
    pub refuse_with: RefuseWith,
    /// Whether a client that asks for a name the certificate does not have is refused.
    pub strict_sni: bool,
    /// What is agreed to in a handshake.
    pub tls: Parameters,
    /// What is open; at least one, and no two with the same path and a common method.
    pub routes: Vec<RouteSettings>,
    /// What a client may use up.
    pub limits: Limits,
    /// Number of worker threads.
    pub workers: NonZeroUsize,
    /// Where health and metrics are served, if anywhere.
    pub admin: Option<AdminSettings>,
    /// Whether the files are watched, and read anew when one changes.
    pub watch: bool,
    /// All files and folders that the settings name, the TOML file itself among them.
    pub files: Files,
    /// The file that the secrets of TLS are written to, where that was asked for.
    pub key_log_file: Option<PathBuf>,
    /// Whether clawgate gives up what its settings do not need, where the kernel can hold it to that.
    pub sandbox: bool,
    /// Time for requests in flight to end when clawgate is told to stop; may be zero.
    pub drain_timeout: Duration,
    /// What is logged, and how.
    pub log: LogSettings,
    /// Where spans go, if anywhere; always `None` without the feature `otlp`.
    pub trace: Option<TraceSettings>,
    /// All of it as text, without secrets.
    pub in_use: InUse,
    /// What should be known, but does no harm by itself.
    pub warnings: Vec<Problem>,
}

/// How load balancers connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// Where; none is also in `Settings::listen`.
    pub listen: Vec<SocketAddr>,
    /// From where; at least one block where there is an address to listen on.
    pub sources: Vec<IpNet>,
}

/// An open path with all that belongs to it.
#[derive(Clone, Debug)]
pub struct RouteSettings {
    /// Which paths.
    pub path: PathPattern,
    /// With which methods.
    pub methods: Methods,
    /// By whom, among the clients that may connect.
    pub rules: Rules,
    /// Largest request body, in bytes.
    pub max_body: u64,
    /// Where it goes. Routes with equal ones can share a pool of connections.
    pub upstream: UpstreamSettings,
}

/// How to call an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Where it listens.
    pub target: Target,
    /// The CA file to trust instead of the system's roots. Only there when the target is `https`.
    pub ca: Option<PathBuf>,
    /// The file with the certificate that it is shown, if it is to be shown one; as above.
    pub certificate: Option<PathBuf>,
    /// TLS to it, from what these files held; as above.
    pub secure: Option<UpstreamTls>,
    /// The token that replaces the client's `Authorization`; without one, that is passed on.
    pub token: Option<BearerToken>,
    /// Where the token came from, for hints: `--hook-token-file /run/token`. Without a token, what
    /// to set to have one.
    pub token_origin: String,
    /// What it is told of the client.
    pub telling: Forwarding,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time from the request until the head of the response.
    pub response_timeout: Duration,
    /// Longest pause between two pieces of a body.
    pub idle_timeout: Duration,
    /// Requests with it at once, of all workers together.
    pub connections: usize,
    /// Requests that wait for one of them to end.
    pub queue: usize,
}

/// Where spans go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// The collector: `http` or `https`.
    pub collector: Target,
    /// Where it takes them there.
    pub path: String,
    /// The CA file to trust instead of the system's roots.
    pub ca: Option<PathBuf>,
    /// TLS to it, where it is `https`.
    pub secure: Option<UpstreamTls>,
    /// The token that is shown to it.
    pub token: Option<BearerToken>,
    /// Of the traces that begin here, one in so many is exported.
    pub sample: u64,
    /// clawgate's `service.name`.
    pub service: String,
}

impl TraceSettings {
    /// Where spans go, without what stands before `/v1/traces` in the path: some collectors have a token there.
    pub fn shown(&self) -> String {
        shown_collector(&self.collector, &self.path)
    }
}
