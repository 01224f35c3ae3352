//! The PROXY header for an upstream that expects one: who the client of a connection is.

use bytes::Bytes;

use super::client_connection::ClientConnection;
use crate::connection::{Alpn, cipher_name, version_name};
use crate::proxy_protocol::{Addresses, ClientCert, Tls, Tlvs, write_v2};
use crate::telemetry::access::ConnectionFacts;
use crate::tls::Acceptor;

/// The header for a connection to an upstream that carries a request of `client`. It is made once for each client connection.
pub(super) fn proxy_header(client: &ClientConnection, acceptor: &Acceptor) -> Bytes {
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
                cn: peer.as_ref().and_then(|peer| peer.cn.as_deref()),
                sig_alg: own.map(|own| own.signature.as_str()),
                key_alg: own.map(|own| own.key.as_str()),
                client_cert: match (peer, tls.resumed) {
                    (None, _) => ClientCert::None,
                    (Some(_), true) => ClientCert::InSession,
                    (Some(_), false) => ClientCert::OnConnection,
                },
            },
        };
        write_v2(addresses, &tlvs).into()
    };
    client.proxy_header.get_or_init(make).clone()
}
