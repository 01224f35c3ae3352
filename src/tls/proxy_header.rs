//! What comes before the greeting where a load balancer stands before clawgate: a PROXY header that
//! says whose connection it is.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::detect::{End, describe};
use super::diagnosis::{Cause, NotTls};
use super::handshake_settings::HandshakeSettings;
use crate::proxy_protocol::{Header, Malformed, parse};

/// Why a connection from a load balancer is refused before its greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyHeaderError {
    /// It comes from an address that may not introduce anybody.
    Source(IpAddr),
    /// What came first is no header. Holds it in words.
    Malformed(Malformed, String),
    /// It ended within the header, after so many bytes.
    Ended(End, usize),
}

/// What a load balancer at `peer` says of the connection that it passes on; `bytes` has what came after.
///
/// `bytes` keeps what was read also when this future is dropped at a deadline.
pub(crate) async fn introduction<IO: AsyncRead + Unpin>(
    manners: &HandshakeSettings,
    peer: SocketAddr,
    io: &mut IO,
    bytes: &mut Vec<u8>,
) -> Result<Header, Cause> {
    if !may_introduce(&manners.proxy_sources, peer) {
        return Err(Cause::NotIntroduced(ProxyHeaderError::Source(peer.ip().to_canonical())));
    }
    read(io, bytes).await
}

/// Whether somebody at `address` may say whose connection it passes on.
pub fn may_introduce(sources: &[IpNet], address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    sources.iter().any(|source| source.contains(&ip))
}

/// Reads a header from `io`.
async fn read<IO: AsyncRead + Unpin>(io: &mut IO, bytes: &mut Vec<u8>) -> Result<Header, Cause> {
    let refused = |why| Err(Cause::NotIntroduced(why));
    loop {
        let ended = match io.read_buf(bytes).await {
            Ok(0) => Some(End::Closed),
            Ok(_) => None,
            Err(error) => Some(End::of(&error)),
        };
        match parse(bytes) {
            Ok(Some((header, length))) => {
                bytes.drain(..length);
                return Ok(header);
            }
            Ok(None) => match ended {
                Some(end) if bytes.is_empty() => return Err(Cause::NotTls(NotTls::Probe(end))),
                Some(end) => return refused(ProxyHeaderError::Ended(end, bytes.len())),
                None => {}
            },
            Err(why) => return refused(ProxyHeaderError::Malformed(why, describe(bytes))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_source_is_known_also_where_the_socket_calls_it_ipv6() {
        let sources = ["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let trusted = |address: &str| may_introduce(&sources, address.parse().unwrap());
        assert!(trusted("10.1.2.3:1") && trusted("[::ffff:10.1.2.3]:1") && trusted("[2001:db8::1]:1"));
        assert!(!trusted("11.0.0.1:1") && !trusted("[::1]:1") && !trusted("[2001:db9::1]:1"));
        assert!(!may_introduce(&[], "10.1.2.3:1".parse().unwrap()));
    }
}
