//! Writes a header of version 2.

use std::net::{IpAddr, SocketAddr};

use super::crc32c::crc32c;
use super::read::MAX_HEADER;
use super::{
    Addresses, HEAD_V2, SIGNATURE_V2, SUBTYPE_SSL_CIPHER, SUBTYPE_SSL_CN, SUBTYPE_SSL_KEY_ALG,
    SUBTYPE_SSL_SIG_ALG, SUBTYPE_SSL_VERSION, TYPE_ALPN, TYPE_AUTHORITY, TYPE_CRC32C, TYPE_SSL,
    TYPE_UNIQUE_ID,
};

/// The client uses TLS; it sent a certificate on this connection, or when the session began (section 2.2.6).
const CLIENT_SSL: u8 = 1;
const CLIENT_CERT_CONN: u8 = 2;
const CLIENT_CERT_SESS: u8 = 4;
/// The longest value of a TLV. A longer one is left out, since a shortened name would be a different name.
const MAX_VALUE: usize = 512;
/// The longest unique identifier (section 2.2.5).
const MAX_UNIQUE_ID: usize = 128;

/// What the header contains besides the addresses.
#[derive(Clone, Copy, Debug)]
pub struct Tlvs<'a> {
    /// The negotiated protocol.
    pub alpn: Option<&'a str>,
    /// The server name that the client asked for.
    pub authority: Option<&'a str>,
    /// Identifier of the connection.
    pub unique_id: &'a str,
    /// TLS of the client, whose certificate was verified.
    pub tls: Tls<'a>,
}

/// The TLS of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Tls<'a> {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'a str,
    /// Cipher suite.
    pub cipher: Option<&'a str>,
    /// Common name of the client's certificate, in UTF-8.
    pub cn: Option<&'a str>,
    /// The algorithm with which clawgate's own certificate is signed.
    pub sig_alg: Option<&'a str>,
    /// Kind and size of the key in clawgate's own certificate.
    pub key_alg: Option<&'a str>,
    /// Whether the client has a certificate, and when it sent it.
    pub client_cert: ClientCert,
}

/// Whether a client has a certificate that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCert {
    /// It sent one on this connection.
    OnConnection,
    /// It sent one when the resumed session began, and not on this connection.
    InSession,
    /// It was asked for none.
    None,
}

/// The header for a connection of clawgate itself, such as a check of the upstream.
pub const LOCAL_V2: &[u8; HEAD_V2] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// The header of a connection between `addresses`, with a checksum.
pub fn write_v2(addresses: Addresses, tlvs: &Tlvs<'_>) -> Vec<u8> {
    let mut out = SIGNATURE_V2.to_vec();
    // Version 2, command PROXY.
    out.push(0x21);
    write_addresses(&mut out, addresses);
    if let Some(alpn) = tlvs.alpn {
        tlv(&mut out, TYPE_ALPN, alpn.as_bytes());
    }
    if let Some(authority) = tlvs.authority {
        tlv(&mut out, TYPE_AUTHORITY, authority.as_bytes());
    }
    if tlvs.unique_id.len() <= MAX_UNIQUE_ID {
        tlv(&mut out, TYPE_UNIQUE_ID, tlvs.unique_id.as_bytes());
    }
    tlv(&mut out, TYPE_SSL, &ssl(&tlvs.tls));
    tlv(&mut out, TYPE_CRC32C, &[0; 4]);
    // The limits above keep it far below this length.
    debug_assert!(out.len() <= MAX_HEADER, "{}", out.len());
    let length = u16::try_from(out.len() - HEAD_V2).unwrap_or(u16::MAX);
    out[14..HEAD_V2].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c(&out).to_be_bytes();
    let end = out.len();
    out[end - 4..].copy_from_slice(&checksum);
    out
}

/// Writes family and transport, space for the length, addresses and ports. If only one address is IPv4, it is written
/// as IPv6.
fn write_addresses(out: &mut Vec<u8>, Addresses { source, destination }: Addresses) {
    let canonical = |address: SocketAddr| address.ip().to_canonical();
    match (canonical(source), canonical(destination)) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            out.extend([0x11, 0, 0]);
            out.extend(from.octets());
            out.extend(to.octets());
        }
        (from, to) => {
            let v6 = |ip: IpAddr| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            out.extend([0x21, 0, 0]);
            out.extend(v6(from));
            out.extend(v6(to));
        }
    }
    out.extend(source.port().to_be_bytes());
    out.extend(destination.port().to_be_bytes());
}

fn ssl(tls: &Tls<'_>) -> Vec<u8> {
    // The result of verification is 0 only for a client whose certificate was verified.
    let (cert, result) = match tls.client_cert {
        ClientCert::OnConnection => (CLIENT_CERT_CONN | CLIENT_CERT_SESS, 0_u32),
        ClientCert::InSession => (CLIENT_CERT_SESS, 0),
        ClientCert::None => (0, 1),
    };
    let mut out = vec![CLIENT_SSL | cert];
    out.extend(result.to_be_bytes());
    tlv(&mut out, SUBTYPE_SSL_VERSION, tls.version.as_bytes());
    let optional = [
        (SUBTYPE_SSL_CN, tls.cn),
        (SUBTYPE_SSL_CIPHER, tls.cipher),
        (SUBTYPE_SSL_SIG_ALG, tls.sig_alg),
        (SUBTYPE_SSL_KEY_ALG, tls.key_alg),
    ];
    for (kind, value) in optional {
        if let Some(value) = value.filter(|value| value.len() <= MAX_VALUE) {
            tlv(&mut out, kind, value.as_bytes());
        }
    }
    out
}

/// Writes type, length and value.
fn tlv(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let Ok(length) = u16::try_from(value.len()) else { return };
    out.push(kind);
    out.extend(length.to_be_bytes());
    out.extend(value);
}
