//! A listener as a client names it.

use std::net::SocketAddr;

use rustls_pki_types::ServerName;

use crate::config::Settings;
use crate::explain::Server;
use crate::identity::San;

/// The listener at `address`, with a name that its certificate has.
pub(in crate::doctor) fn server_at(settings: &Settings, address: SocketAddr) -> Option<Server> {
    let first = settings.reloadable.material.own.first();
    let dns = first.iter().flat_map(|own| &own.names).find_map(|name| match name {
        San::Dns(name) => Some(name.replacen('*', "clawgate-doctor", 1)),
        _ => None,
    });
    let name = match dns {
        Some(name) => ServerName::try_from(name).ok()?,
        None => ServerName::from(address.ip()),
    };
    Some(Server { host: address.ip().to_string(), name, port: address.port() })
}
