//! The PROXY protocol: a header at the start of a connection, in which a load balancer gives the client's address.
//! Versions 1 and 2, as HAProxy's `proxy-protocol.txt` defines them.

mod crc32c;
mod read;
mod write;

use std::net::SocketAddr;

pub use self::read::{MAX_HEADER, Malformed, parse};
pub use self::write::{ClientCert, LOCAL_V2, Tls, Tlvs, write_v2};

/// What a header says about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The load balancer's own connection, such as a health check.
    Local,
    /// A client's connection, with its addresses if they are known and are TCP addresses.
    Proxied(Option<Addresses>),
}

/// The addresses of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The address of the client.
    pub source: SocketAddr,
    /// The address that the client connected to.
    pub destination: SocketAddr,
}

/// The first bytes of every header of version 2.
const SIGNATURE_V2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The length of the fixed part: signature, version and command, family and transport, length.
const HEAD_V2: usize = 16;

/// Types of TLVs (section 2.2).
const TYPE_ALPN: u8 = 0x01;
const TYPE_AUTHORITY: u8 = 0x02;
const TYPE_CRC32C: u8 = 0x03;
const TYPE_UNIQUE_ID: u8 = 0x05;
const TYPE_SSL: u8 = 0x20;
const SUBTYPE_SSL_VERSION: u8 = 0x21;
const SUBTYPE_SSL_CN: u8 = 0x22;
const SUBTYPE_SSL_CIPHER: u8 = 0x23;
const SUBTYPE_SSL_SIG_ALG: u8 = 0x24;
const SUBTYPE_SSL_KEY_ALG: u8 = 0x25;
