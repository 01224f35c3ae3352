//! What a connection to an upstream begins with, where that takes the PROXY protocol.

use bytes::Bytes;

use crate::pipeline::handle::ClientConnection;
use crate::proxy_protocol::{Addresses, Tls, Tlvs, write_v2};
use crate::tls::Acceptor;

/// The header for a connection that carries a request of `client`, made once.
pub(crate) fn preface(client: &ClientConnection, acceptor: &Acceptor) -> Bytes {
    let (onward, opening) = (&client.onward, &client.opening);
    let make = || {
        let own = acceptor.own_algorithms();
        let addresses = Addresses { source: onward.source, destination: onward.destination };
        let tlvs = Tlvs {
            alpn: opening.protocol(),
            authority: client.sni.as_deref(),
            unique_id: &client.facts.id,
            tls: Tls {
                version: client.facts.tls_version,
                cipher: opening.cipher(),
                cn: client.peer.cn.as_deref(),
                sig_alg: own.map(|own| own.signature.as_str()),
                key_alg: own.map(|own| own.key.as_str()),
                resumed: client.facts.resumed,
            },
        };
        write_v2(addresses, &tlvs).into()
    };
    onward.preface.get_or_init(make).clone()
}
