//! The PROXY protocol: how a load balancer says whose connection it passes on, in a header before
//! everything else. Versions 1 and 2, as HAProxy's `proxy-protocol.txt` defines them.

mod crc32c;
mod read;
mod write;

use std::net::SocketAddr;

pub use self::read::{MAX_HEADER, Malformed, parse};
pub use self::write::{LOCAL_V2, Tls, Tlvs, write_v2};

/// What a header says of the connection that it stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// It is the balancer's own, as for a health check.
    Local,
    /// It is passed on; its addresses, where they are known and of TCP.
    Proxied(Option<Addresses>),
}

/// The two ends of a connection that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Who opened it.
    pub source: SocketAddr,
    /// What it was opened to.
    pub destination: SocketAddr,
}

/// What every header of version 2 begins with.
const SIGNATURE_V2: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
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
