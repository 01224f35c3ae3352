//! How a connection begins: an accepted socket, then what is known of it on the way.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::client_hello::ClientHello;
use crate::proxy_protocol::{Addresses, Header};

/// A socket that was accepted and said nothing yet.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub io: TcpStream,
    /// The other end.
    pub peer: SocketAddr,
    /// This end.
    pub local: SocketAddr,
    /// The listener it came by.
    pub listener: SocketAddr,
    /// Whether a load balancer must say first whose connection it is, in a PROXY header.
    pub introduced: bool,
    /// Identifier of the connection, for the log.
    pub id: String,
    /// When it was accepted.
    pub at: Instant,
}

impl Accepted {
    /// What there is to say of it when it is not heard.
    pub fn opening(&self) -> ConnectionInfo {
        let Self { peer, local, introduced, at, .. } = *self;
        let (id, proxy) = (self.id.clone(), introduced.then_some(peer));
        ConnectionInfo { id, peer, local, proxy, at, hello: None, protocol: None, agreed: None }
    }
}

/// A connection of which is known whose it is. Its client was not heard yet.
#[derive(Debug)]
pub struct WithProxyHeader {
    pub(crate) opening: ConnectionInfo,
    pub(crate) io: TcpStream,
    /// What came with the PROXY header, from after it.
    pub(crate) bytes: Vec<u8>,
    /// The listener it came by.
    pub(crate) listener: SocketAddr,
    pub(crate) client: Option<IpAddr>,
}

impl WithProxyHeader {
    /// Where it is from by a PROXY header; `None` where the socket's other end is all that is known.
    pub fn client(&self) -> Option<IpAddr> {
        self.client
    }

    /// How it began.
    pub fn opening(&self) -> &ConnectionInfo {
        &self.opening
    }
}

/// How a connection began.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    pub(crate) id: String,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// The load balancer's address, where one stands between.
    pub(crate) proxy: Option<SocketAddr>,
    pub(crate) at: Instant,
    pub(crate) hello: Option<Box<ClientHello>>,
    /// Version and cipher suite, once the handshake is through.
    pub(crate) agreed: Option<(String, String)>,
    /// By ALPN, then.
    pub(crate) protocol: Option<&'static str>,
}

impl ConnectionInfo {
    /// What is known of `accepted`, and its socket.
    pub(crate) fn of(accepted: Accepted) -> (Self, TcpStream) {
        let Accepted { io, peer, local, introduced, id, at, .. } = accepted;
        let proxy = introduced.then_some(peer);
        (Self { id, peer, local, proxy, at, hello: None, agreed: None, protocol: None }, io)
    }

    /// How long ago it was accepted.
    pub fn age(&self) -> Duration {
        self.at.elapsed()
    }

    /// The client's address.
    pub fn source(&self) -> SocketAddr {
        self.peer
    }

    /// The address that the client reached.
    pub fn destination(&self) -> SocketAddr {
        self.local
    }

    /// The cipher suite, by IANA's name.
    pub fn cipher(&self) -> Option<&str> {
        self.agreed.as_ref().map(|(_, cipher)| cipher.as_str())
    }

    /// The protocol agreed on by ALPN.
    pub fn protocol(&self) -> Option<&'static str> {
        self.protocol
    }

    /// The load balancer's address, where one stands between.
    pub fn proxy(&self) -> Option<SocketAddr> {
        self.proxy
    }

    /// Takes over what a load balancer says of the connection; returns the client's address, if it says that.
    pub(crate) fn introduce(&mut self, header: Header) -> Option<IpAddr> {
        // Of its own connections, and of those it knows nothing about, what the socket says is true.
        let Header::Proxied(Some(Addresses { source, destination })) = header else { return None };
        (self.peer, self.local) = (source, destination);
        Some(source.ip())
    }
}
