//! Where clients, load balancers and webhook senders connect.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::resolver::Resolver;
use crate::config::keys;
use crate::config::layers::{List, Sourced};
use crate::config::problem::Found;

/// The addresses for clients.
pub(super) fn clients(r: &mut Resolver<'_>) -> List<SocketAddr> {
    // With other addresses there need be none for clients.
    let layers = &r.sources.layers;
    let has_others = layers.sets(&keys::PROXY_ADDRESS) || layers.sets(&keys::SIGNED_ADDRESS);
    if !layers.sets(&keys::LISTEN) && has_others {
        return List::none();
    }
    let addresses = r.list(&keys::LISTEN);
    check_differ(r, &addresses.values, &[], "");
    addresses
}

/// The addresses for load balancers; `clients` are those for clients.
pub(super) fn balancers(r: &mut Resolver<'_>, clients: &[Sourced<SocketAddr>]) -> List<SocketAddr> {
    let listen = r.list(&keys::PROXY_ADDRESS);
    let hint = "use two ports: a listener requires a PROXY header of every connection or of none";
    check_differ(r, &listen.values, &[(clients, "clients")], hint);
    listen
}

/// The addresses for webhook senders without a certificate; the others are those for clients and load balancers.
pub(super) fn signed(
    r: &mut Resolver<'_>,
    clients: &[Sourced<SocketAddr>],
    balancers: &[Sourced<SocketAddr>],
) -> List<SocketAddr> {
    let listen = r.list(&keys::SIGNED_ADDRESS);
    let hint = "use two ports: a listener asks every client for a certificate or none";
    check_differ(r, &listen.values, &[(clients, "clients"), (balancers, "load balancers")], hint);
    listen
}

/// Checks that no address is there twice, neither in one list nor in those of `others`, each with whom it is for.
fn check_differ(
    r: &mut Resolver<'_>,
    addresses: &[Sourced<SocketAddr>],
    others: &[(&[Sourced<SocketAddr>], &str)],
    hint: &str,
) {
    for (i, Sourced { value, origin }) in addresses.iter().enumerate() {
        let used = others.iter().find_map(|(list, whom)| Some((find(list, *value)?, whom)));
        if let Some((other, whom)) = used {
            let what = format!("{value} is in use: {} has it for {whom}", other.origin);
            r.report.problem(origin, what, hint);
        } else if find(&addresses[..i], *value).is_some() {
            r.report.problem(origin, format!("{value} is there twice"), "remove one of them");
        }
    }
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
