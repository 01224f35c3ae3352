//! Where clients and load balancers connect.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::resolver::Resolver;
use crate::config::keys;
use crate::config::layers::{List, Sourced};
use crate::config::problem::Found;

/// The addresses for clients.
pub(super) fn clients(r: &mut Resolver<'_>) -> List<SocketAddr> {
    // With addresses for load balancers there need be none for others.
    let layers = &r.sources.layers;
    if !layers.sets(&keys::LISTEN) && layers.sets(&keys::PROXY_ADDRESS) {
        return List::none();
    }
    let addresses = r.list(&keys::LISTEN);
    for (i, address) in addresses.values.iter().enumerate() {
        if find(&addresses.values[..i], address.value).is_some() {
            let what = format!("{} is there twice", address.value);
            r.report.problem(&address.origin, what, "remove one of them");
        }
    }
    addresses
}

/// The addresses for load balancers; `clients` are those for clients.
pub(super) fn balancers(r: &mut Resolver<'_>, clients: &[Sourced<SocketAddr>]) -> List<SocketAddr> {
    let listen = r.list(&keys::PROXY_ADDRESS);
    for (i, address) in listen.values.iter().enumerate() {
        if let Some(other) = find(clients, address.value) {
            let what = format!("{} is in use: {} has it for clients", address.value, other.origin);
            let hint =
                "use two ports: a listener requires a PROXY header of every connection or of none";
            r.report.problem(&address.origin, what, hint);
        } else if find(&listen.values[..i], address.value).is_some() {
            let what = format!("{} is there twice", address.value);
            r.report.problem(&address.origin, what, "remove one of them");
        }
    }
    listen
}

/// The addresses of load balancers; `listen` are those that they connect to.
pub(super) fn balancer_sources(r: &mut Resolver<'_>, listen: &List<SocketAddr>) -> Found<Vec<IpNet>> {
    let sources = r.list(&keys::PROXY_SOURCES);
    let layers = &r.sources.layers;
    let (listens, names_sources) =
        (layers.sets(&keys::PROXY_ADDRESS), layers.sets(&keys::PROXY_SOURCES));
    // A load balancer can claim any client address, so each has to be named, also on loopback.
    if let Some(origin) = listen.origin().filter(|_| !names_sources) {
        let hint = format!(
            "name the load balancers' addresses with {}, e.g. 10.0.0.0/8, or 127.0.0.1 for one on this machine",
            keys::PROXY_SOURCES.ways()
        );
        let what = "requires a PROXY header, but the load balancers that may send one are not named";
        r.report.problem(origin, what, hint);
    }
    for source in sources.values.iter().filter(|source| source.value.prefix_len() == 0) {
        let what = format!("{} is every address: anybody may claim any client address", source.value);
        r.report.warning(&source.origin, what, "name the load balancers' own addresses");
    }
    if let Some(origin) = sources.origin().filter(|_| !listens) {
        let what = "has no effect: no listener takes a PROXY header";
        let hint = format!("name an address with {}, or remove it", keys::PROXY_ADDRESS.ways());
        r.report.warning(origin, what, hint);
    }
    sources.all_values()
}

/// The one of `addresses` that is the same. Port 0 stands for any free port, and may be there twice.
fn find(addresses: &[Sourced<SocketAddr>], address: SocketAddr) -> Option<&Sourced<SocketAddr>> {
    addresses.iter().find(|other| other.value == address && address.port() != 0)
}
