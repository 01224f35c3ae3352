//! An accepted socket, and how far its connection has come.

use std::net::{IpAddr, SocketAddr};

use rustls::{CipherSuite, ProtocolVersion};
use tokio::net::TcpStream;

use super::client_hello::ClientHello;
use crate::connection::{ClientAuth, ConnectionInfo};
use crate::proxy_protocol::{Addresses, Header};

/// An accepted socket from which nothing was read yet.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub io: TcpStream,
    /// Its addresses, as the socket has them.
    pub connection: ConnectionInfo,
    /// The listener that accepted it.
    pub listener: SocketAddr,
    /// Whether that listener asks for client certificates.
    pub client_auth: ClientAuth,
}

/// A connection whose PROXY header was read, where one is expected. Nothing of TLS was read yet.
#[derive(Debug)]
pub struct WithProxyHeader {
    pub(crate) connection: ConnectionInfo,
    pub(crate) io: TcpStream,
    /// Bytes that came after the PROXY header.
    pub(crate) bytes: Vec<u8>,
    /// The listener that accepted it.
    pub(crate) listener: SocketAddr,
    pub(crate) client_auth: ClientAuth,
    pub(crate) proxied_client: Option<IpAddr>,
}

impl WithProxyHeader {
    /// The client's address in the PROXY header; `None` without a header, or when the header has no addresses.
    pub fn proxied_client(&self) -> Option<IpAddr> {
        self.proxied_client
    }

    /// The connection, with the addresses of the PROXY header.
    pub fn connection(&self) -> &ConnectionInfo {
        &self.connection
    }
}

/// How far a connection has come: what a report about it is made from.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Its addresses.
    pub connection: ConnectionInfo,
    /// The ClientHello, if a whole one came.
    pub hello: Option<Box<ClientHello>>,
    /// Version and cipher suite, once the ServerHello was sent.
    pub negotiated: Option<(ProtocolVersion, CipherSuite)>,
}

impl From<ConnectionInfo> for Attempt {
    fn from(connection: ConnectionInfo) -> Self {
        Self { connection, hello: None, negotiated: None }
    }
}

/// Takes the addresses of a PROXY header into `connection`; returns the client's address, if the header has one.
///
/// A header without addresses is about the load balancer's own connection, or one it knows nothing about: the addresses
/// of the socket stay.
pub(super) fn take_addresses(connection: &mut ConnectionInfo, header: Header) -> Option<IpAddr> {
    let Header::Proxied(Some(Addresses { source, destination })) = header else { return None };
    (connection.client_addr, connection.local_addr) = (source, destination);
    Some(source.ip())
}
