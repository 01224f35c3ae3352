//! Where load balancers connect, and from where.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::Resolver;
use crate::config::keys;
use crate::config::layers::Sourced;
use crate::config::settings::ProxySettings;
use crate::config::values;

/// What the settings say of load balancers.
pub(super) struct Proxy {
    pub(super) listen: Vec<Sourced<SocketAddr>>,
    sources: Vec<Sourced<IpNet>>,
}

impl Resolver<'_> {
    pub(super) fn proxy(&mut self, plain: &[Sourced<SocketAddr>]) -> Proxy {
        let listen = self.many(&keys::PROXY_ADDRESS, values::listen_address);
        for (i, address) in listen.iter().enumerate() {
            let same = |other: &&Sourced<SocketAddr>| other.value == address.value;
            if address.value.port() == 0 {
                continue;
            }
            if let Some(other) = plain.iter().find(same) {
                let what = format!("{} is taken: {} has it for senders", address.value, other.origin);
                let hint =
                    "a listener takes a PROXY header from everybody or from nobody; give them two ports";
                self.report.problem(&address.origin, what, hint);
            } else if listen[..i].iter().any(|other| same(&other)) {
                let what = format!("{} is there twice", address.value);
                self.report.problem(&address.origin, what, "take one of them out");
            }
        }
        let sources = self.many(&keys::PROXY_SOURCES, values::source);
        // Whoever is believed may claim to be anybody: who that is must be said, even for loopback.
        let sources_named = self.sources.layers.get(&keys::PROXY_SOURCES).is_some();
        if let Some(address) = listen.first().filter(|_| !sources_named) {
            let hint = format!(
                "name the load balancers' addresses with {}, e.g. 10.0.0.0/8, or 127.0.0.1 for one on this machine",
                keys::PROXY_SOURCES.ways()
            );
            let what = "asks for a PROXY header, but nobody is named whose header is believed";
            self.report.problem(&address.origin, what, hint);
        }
        for source in sources.iter().filter(|source| source.value.prefix_len() == 0) {
            let what = format!("{} is everybody: whoever connects may claim any address", source.value);
            let hint = "name the load balancers' own addresses";
            self.report.warning(&source.origin, what, hint);
        }
        let listens = self.sources.layers.get(&keys::PROXY_ADDRESS).is_some();
        if let Some(source) = sources.first().filter(|_| !listens) {
            let what = "has no effect: no PROXY header is taken on any listener";
            let hint = format!("name an address with {}, or take it out", keys::PROXY_ADDRESS.ways());
            self.report.warning(&source.origin, what, hint);
        }
        Proxy { listen, sources }
    }
}

impl Proxy {
    pub(super) fn into_settings(self) -> ProxySettings {
        ProxySettings {
            listen: self.listen.into_iter().map(|address| address.value).collect(),
            sources: self.sources.into_iter().map(|source| source.value).collect(),
        }
    }
}
