//! Where a test request goes, and how curl gets there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use thiserror::Error;

use crate::checks::{system_verifies, verifies};
use crate::config::{RouteSettings, Settings};
use crate::identity::San;
use crate::pki::Ca;
use crate::pki::pem::cas_in;
use crate::policy::Authenticate;

/// A client certificate and its key, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// Why no request can be sent to a route.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DestinationError {
    /// No listener has the route.
    #[error("no listener has this route: set {0}, or listen.public_url to what senders call")]
    NoListener(&'static str),
    /// The port is chosen at the start.
    #[error("port 0 of {0} stands for any free one: name the real one with --{0} to call it")]
    AnyPort(&'static str),
}

/// How the server is reached and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// `https://host[:port]`, without a slash at the end.
    pub(super) base: String,
    /// The address to connect to, if it is not that of the host.
    pub(super) connect_to: Option<SocketAddr>,
    pub(super) trust: Trust,
}

/// How curl verifies the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// With the roots of the system.
    System,
    /// With the roots of this file.
    File(PathBuf),
    /// Not at all: no root is known.
    Unknown,
}

impl Destination {
    /// Where requests to `route` go: the public URL or, without one or with `is_local`, the listener on this machine.
    pub(super) fn of(
        settings: &Settings,
        route: &RouteSettings,
        is_local: bool,
        server_ca: Option<&Path>,
        at: i64,
    ) -> Result<Self, DestinationError> {
        let trust = trust(settings, server_ca, at);
        if let Some(url) = settings.reloadable.public_url.as_deref().filter(|_| !is_local) {
            return Ok(Self { base: url.to_owned(), connect_to: None, trust });
        }
        let address = listener(settings, route)?;
        let name = name(settings).unwrap_or_else(|| host(address.ip()));
        let is_there = name == "localhost" && address.ip().is_loopback() || name == host(address.ip());
        let base = format!("https://{name}:{}", address.port());
        let connect_to = if is_there { None } else { Some(address) };
        Ok(Self { base, connect_to, trust })
    }
}

/// An address of the listener that has the route, as it is reached from this machine.
pub fn listener(settings: &Settings, route: &RouteSettings) -> Result<SocketAddr, DestinationError> {
    let (flag, addresses) = if demands_certificate(route) {
        ("listen", &settings.startup.listen)
    } else {
        ("listen-signed", &settings.startup.listen_signed)
    };
    let setting = if flag == "listen" { "listen.address" } else { "listen.signed_address" };
    let address = *addresses.first().ok_or(DestinationError::NoListener(setting))?;
    if address.port() == 0 {
        return Err(DestinationError::AnyPort(flag));
    }
    Ok(reachable(address))
}

/// Where a listener on `address` is called from this machine.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Whether a signed request also needs a client certificate.
pub fn demands_certificate(route: &RouteSettings) -> bool {
    route.authenticate == Authenticate::Both
}

/// A name of clawgate's certificate, `localhost` if it has that.
fn name(settings: &Settings) -> Option<String> {
    let own = settings.reloadable.material.own.first()?;
    let names = own.names.iter().filter_map(|name| match name {
        San::Dns(name) => Some(name.replacen('*', "clawgate-test", 1)),
        _ => None,
    });
    let names: Vec<_> = names.collect();
    names.iter().find(|name| *name == "localhost").or(names.first()).cloned()
}

/// An address as it is written in a URL.
fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn trust(settings: &Settings, server_ca: Option<&Path>, at: i64) -> Trust {
    if let Some(file) = server_ca {
        return Trust::File(file.to_owned());
    }
    let material = &settings.reloadable.material;
    let Some(own) = material.own.first() else { return Trust::System };
    let chain = &own.certified.cert;
    let has_root = |file: &&PathBuf| {
        let cas: Vec<CertificateDer<'static>> = cas_in(file, "").unwrap_or_default();
        verifies(&cas.iter().filter_map(Ca::read).collect::<Vec<_>>(), chain, at)
    };
    if let Some(file) = settings.reloadable.material_paths.client_ca.iter().find(has_root) {
        return Trust::File(file.clone());
    }
    if system_verifies(chain, at) { Trust::System } else { Trust::Unknown }
}
