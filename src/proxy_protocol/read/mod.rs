//! Reads a header. clawgate trusts headers only from configured addresses, but the parser must handle any bytes.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use super::crc32c::crc32c;
use super::{Addresses, HEAD_V2, Header, SIGNATURE_V2, TYPE_CRC32C};

/// The longest header that is accepted, in bytes. The longest header of version 1 has 107; one of version 2 with a
/// certificate in it has a few thousand.
pub const MAX_HEADER: usize = 4096;
/// The longest header of version 1, with its CR LF (section 2.1).
const MAX_V1: usize = 107;
/// Lengths of the address blocks of version 2, for IPv4, IPv6 and unix sockets.
const INET: usize = 12;
const INET6: usize = 36;
const UNIX: usize = 216;

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    /// They begin with the signature of neither version.
    #[error("it does not begin as a PROXY header does")]
    NotProxy,
    /// A line of version 1 without an end.
    #[error("the line is longer than 107 bytes")]
    LineTooLong,
    /// A line of version 1 that does not have the form of section 2.1.
    #[error("the line is not `PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT`, or `PROXY UNKNOWN`")]
    Line,
    /// The version is neither 1 nor 2.
    #[error("its version is {0}, and 1 and 2 are known")]
    Version(u8),
    /// The command is neither LOCAL nor PROXY.
    #[error("its command is {0}, and 0 (LOCAL) and 1 (PROXY) are known")]
    Command(u8),
    /// An address family or transport that is not defined.
    #[error("its address family and transport are {0:#04x}, which is not defined")]
    Family(u8),
    /// The header is longer than [`MAX_HEADER`].
    #[error("it has {0} bytes, and 4096 are taken")]
    TooLong(usize),
    /// The header is too short for the addresses of its family.
    #[error("it is too short for its addresses")]
    Addresses,
    /// A TLV goes beyond the end of the header.
    #[error("its TLVs do not end where it ends")]
    Tlvs,
    /// The checksum is wrong: the header was damaged on the way.
    #[error("its checksum (CRC32c) is wrong")]
    Checksum,
}

/// Reads the header at the start of `bytes`, and returns how many bytes it has; `None` if more bytes are needed.
///
/// # Errors
/// If the bytes cannot become a header, whatever follows.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    const V1: &[u8] = b"PROXY ";
    let begins = |signature: &[u8]| {
        let common = signature.len().min(bytes.len());
        signature[..common] == bytes[..common]
    };
    if begins(SIGNATURE_V2) {
        return v2(bytes);
    }
    if begins(V1) {
        return v1(bytes);
    }
    Err(Malformed::NotProxy)
}

fn v1(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let head = &bytes[..bytes.len().min(MAX_V1)];
    let Some(end) = head.windows(2).position(|pair| pair == b"\r\n") else {
        return if head.len() == MAX_V1 { Err(Malformed::LineTooLong) } else { Ok(None) };
    };
    let header = v1_line(&head[..end]).ok_or(Malformed::Line)?;
    Ok(Some((header, end + 2)))
}

fn v1_line(line: &[u8]) -> Option<Header> {
    let words: Vec<&str> = line
        .split(|byte| *byte == b' ')
        .map(std::str::from_utf8)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    match words.as_slice() {
        ["PROXY", "TCP4", source, destination, from, to] => {
            let ip = |text: &str| text.parse().ok().map(IpAddr::V4);
            v1_addresses(ip(source)?, ip(destination)?, from, to)
        }
        ["PROXY", "TCP6", source, destination, from, to] => {
            let ip = |text: &str| text.parse().ok().map(IpAddr::V6);
            v1_addresses(ip(source)?, ip(destination)?, from, to)
        }
        // The rest of such a line must be ignored.
        _ if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") => {
            Some(Header::Proxied(None))
        }
        _ => None,
    }
}

fn v1_addresses(source: IpAddr, destination: IpAddr, from: &str, to: &str) -> Option<Header> {
    // Only digits, without leading zeros.
    let port = |text: &str| {
        let port: u16 = text.parse().ok()?;
        (port.to_string() == text).then_some(port)
    };
    let source = canonical(SocketAddr::new(source, port(from)?));
    let destination = canonical(SocketAddr::new(destination, port(to)?));
    Some(Header::Proxied(Some(Addresses { source, destination })))
}

fn v2(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let Some(&version_command) = bytes.get(12) else { return Ok(None) };
    if version_command >> 4 != 2 {
        return Err(Malformed::Version(version_command >> 4));
    }
    let is_local = match version_command & 0xf {
        0 => true,
        1 => false,
        other => return Err(Malformed::Command(other)),
    };
    let Some(&family) = bytes.get(13) else { return Ok(None) };
    if family >> 4 > 3 || family & 0xf > 2 {
        return Err(Malformed::Family(family));
    }
    let Some(&[high, low]) = bytes.get(14..HEAD_V2) else { return Ok(None) };
    let length = HEAD_V2 + usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_HEADER {
        return Err(Malformed::TooLong(length));
    }
    let Some(header) = bytes.get(..length) else { return Ok(None) };
    let block = &header[HEAD_V2..];
    let (addresses, size) = match family >> 4 {
        0 => (None, 0),
        1 => (inet(block), INET),
        2 => (inet6(block), INET6),
        _ => (None, UNIX),
    };
    if is_local || family >> 4 == 0 {
        // The rest of a LOCAL header must be ignored. HAProxy sends a checksum in it, but others might send addresses,
        // so what cannot be read as TLVs is no error.
        let checked = checksum(header, HEAD_V2 + if block.len() < size { 0 } else { size });
        checked.or_else(|why| if why == Malformed::Tlvs { Ok(()) } else { Err(why) })?;
        let header = if is_local { Header::Local } else { Header::Proxied(None) };
        return Ok(Some((header, length)));
    }
    let tlvs = block.get(size..).ok_or(Malformed::Addresses)?;
    checksum(header, length - tlvs.len())?;
    // Only TCP addresses: the addresses of UDP and unix sockets are of no use here.
    Ok(Some((Header::Proxied(addresses.filter(|_| family & 0xf == 1)), length)))
}

fn inet(block: &[u8]) -> Option<Addresses> {
    let &[a, b, c, d, e, f, g, h, ports @ ..] = block.first_chunk::<INET>()?;
    Some(addresses(Ipv4Addr::new(a, b, c, d).into(), Ipv4Addr::new(e, f, g, h).into(), ports))
}

fn inet6(block: &[u8]) -> Option<Addresses> {
    let (source, rest) = block.split_first_chunk::<16>()?;
    let (destination, rest) = rest.split_first_chunk::<16>()?;
    let ports = rest.first_chunk::<4>()?;
    Some(addresses(Ipv6Addr::from(*source).into(), Ipv6Addr::from(*destination).into(), *ports))
}

fn addresses(source: IpAddr, destination: IpAddr, [a, b, c, d]: [u8; 4]) -> Addresses {
    Addresses {
        source: canonical(SocketAddr::new(source, u16::from_be_bytes([a, b]))),
        destination: canonical(SocketAddr::new(destination, u16::from_be_bytes([c, d]))),
    }
}

/// Converts an IPv4-mapped IPv6 address to IPv4, so that rules and logs see each address in one form.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Reads the TLVs from `at` on, and verifies the checksum of `header` if there is one (section 2.2.3).
fn checksum(header: &[u8], mut at: usize) -> Result<(), Malformed> {
    while at < header.len() {
        let Some(&[kind, high, low]) = header.get(at..at + 3) else { return Err(Malformed::Tlvs) };
        let value = at + 3;
        at = value + usize::from(u16::from_be_bytes([high, low]));
        let stated = header.get(value..at).ok_or(Malformed::Tlvs)?;
        if kind == TYPE_CRC32C {
            let mut zeroed = header.to_vec();
            zeroed[value..at].fill(0);
            if stated != crc32c(&zeroed).to_be_bytes() {
                return Err(Malformed::Checksum);
            }
        }
    }
    Ok(())
}
