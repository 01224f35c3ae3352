//! The PROXY header that a load balancer in front of clawgate sends before everything else: the client's address.
//!
//! Takes the socket and the addresses of trusted load balancers, gives the header or a [`ProxyHeaderError`].

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::detect::{End, describe};
use crate::proxy_protocol::{Header, Malformed, parse};

/// Why no PROXY header could be taken from a connection.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProxyHeaderError {
    /// The connection ended without a byte.
    #[error("{0} before the PROXY header")]
    Nothing(End),
    /// The connection comes from an address that may not send a header.
    #[error("{0} may not send a PROXY header")]
    Source(IpAddr),
    /// The first bytes are no header. Holds them, escaped.
    #[error("not a PROXY header ({0}): {1}")]
    Malformed(Malformed, String),
    /// The connection ended within the header, after this many bytes.
    #[error("{0} within the PROXY header, after {1} bytes")]
    Ended(End, usize),
}

/// Whether a load balancer at `address` may send a PROXY header.
pub fn may_send_header(sources: &[IpNet], address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    sources.iter().any(|source| source.contains(&ip))
}

/// Reads the header that a load balancer at `address` sends. Afterwards `bytes` holds what came after the header.
///
/// `bytes` keeps what was read also if this future is dropped at a deadline.
pub(crate) async fn read<IO: AsyncRead + Unpin>(
    sources: &[IpNet],
    address: SocketAddr,
    io: &mut IO,
    bytes: &mut Vec<u8>,
) -> Result<Header, ProxyHeaderError> {
    if !may_send_header(sources, address) {
        return Err(ProxyHeaderError::Source(address.ip().to_canonical()));
    }
    loop {
        let end = match io.read_buf(bytes).await {
            Ok(0) => Some(End::Closed),
            Ok(_) => None,
            Err(error) => Some(End::of(&error)),
        };
        match parse(bytes) {
            Ok(Some((header, length))) => {
                bytes.drain(..length);
                return Ok(header);
            }
            Ok(None) => match end {
                Some(end) if bytes.is_empty() => return Err(ProxyHeaderError::Nothing(end)),
                Some(end) => return Err(ProxyHeaderError::Ended(end, bytes.len())),
                None => {}
            },
            Err(error) => return Err(ProxyHeaderError::Malformed(error, describe(bytes))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_source_is_known_also_if_the_socket_has_it_as_ipv6() {
        let sources = ["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        let trusted = |address: &str| may_send_header(&sources, address.parse().unwrap());
        assert!(trusted("10.1.2.3:1") && trusted("[::ffff:10.1.2.3]:1") && trusted("[2001:db8::1]:1"));
        assert!(!trusted("11.0.0.1:1") && !trusted("[::1]:1") && !trusted("[2001:db9::1]:1"));
        assert!(!may_send_header(&[], "10.1.2.3:1".parse().unwrap()));
    }
}
