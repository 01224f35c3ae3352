//! What a connection to an upstream begins with, where that takes the PROXY protocol.

use bytes::Bytes;

use crate::connection::{Alpn, cipher_name, version_name};
use crate::pipeline::handle::ClientConnection;
use crate::proxy_protocol::{Addresses, Tls, Tlvs, write_v2};
use crate::telemetry::access::ConnectionFacts;
use crate::tls::Acceptor;

/// The header for a connection that carries a request of `client`, made once.
pub(crate) fn preface(client: &ClientConnection, acceptor: &Acceptor) -> Bytes {
    let make = || {
        let ConnectionFacts { connection, tls, peer, .. } = &*client.facts;
        let own = acceptor.own_algorithms();
        let addresses = Addresses { source: connection.client_addr, destination: connection.local_addr };
        let tlvs = Tlvs {
            alpn: tls.alpn.map(Alpn::as_str),
            authority: tls.sni.as_deref(),
            unique_id: &connection.id,
            tls: Tls {
                version: &version_name(tls.version),
                cipher: Some(&cipher_name(tls.cipher)),
                cn: peer.cn.as_deref(),
                sig_alg: own.map(|own| own.signature.as_str()),
                key_alg: own.map(|own| own.key.as_str()),
                resumed: tls.resumed,
            },
        };
        write_v2(addresses, &tlvs).into()
    };
    client.onward.preface.get_or_init(make).clone()
}
