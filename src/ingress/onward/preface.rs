//! What a connection to an upstream begins with, where that takes the PROXY protocol.

use bytes::Bytes;

use crate::ingress::gate::Sender;
use crate::proxy_protocol::{Addresses, Tls, Tlvs, write_v2};
use crate::tls::Acceptor;

/// The header for a connection that carries a request of `sender`, made once.
pub(in crate::ingress) fn preface(sender: &Sender, acceptor: &Acceptor) -> Bytes {
    let (onward, opening) = (&sender.onward, &sender.opening);
    let make = || {
        let own = acceptor.own_algorithms();
        let addresses = Addresses { source: onward.source, destination: onward.destination };
        let tlvs = Tlvs {
            alpn: opening.protocol(),
            authority: sender.sni.as_deref(),
            unique_id: &sender.facts.id,
            tls: Tls {
                version: sender.facts.tls_version,
                cipher: opening.cipher(),
                cn: sender.peer.cn.as_deref(),
                sig_alg: own.map(|own| own.signature.as_str()),
                key_alg: own.map(|own| own.key.as_str()),
                resumed: sender.facts.resumed,
            },
        };
        write_v2(addresses, &tlvs).into()
    };
    onward.preface.get_or_init(make).clone()
}
