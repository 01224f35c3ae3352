//! Addresses to listen on, and those of clients.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::config::admin::AdminAddress;
use crate::config::value_type::{Invalid, Kind, ValueType, invalid};

impl ValueType for SocketAddr {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        text.parse().map_err(|_| not_an_address(text))
    }

    fn show(address: &Self) -> String {
        address.to_string()
    }
}

impl ValueType for AdminAddress {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        let hint = "write an absolute path, e.g. unix:/run/clawgate/admin.sock";
        text.parse().map_err(|()| match text.starts_with("unix:") {
            true => Invalid::new(format!("`{text}` is no unix socket with an absolute path"), hint),
            false => not_an_address(text),
        })
    }

    fn show(address: &Self) -> String {
        address.to_string()
    }
}

fn not_an_address(text: &str) -> Invalid {
    let port = text.strip_prefix("localhost").unwrap_or(text);
    let port = port.strip_prefix(':').unwrap_or(port);
    let hint = match port.parse::<u16>() {
        Ok(port) => format!("write 127.0.0.1:{port} for this machine only, or 0.0.0.0:{port} for all"),
        Err(_) => "write an IP address and a port, e.g. 127.0.0.1:8443 or [::1]:8443".to_owned(),
    };
    Invalid::new(format!("`{text}` is not an IP address with a port"), hint)
}

/// A block of addresses, or one address.
impl ValueType for IpNet {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(ip.into());
        }
        match text.parse::<Self>() {
            Ok(block) if block.trunc() != block => invalid(
                format!("`{text}` is an address within a block, not the block"),
                format!("write {} for the block, or {} for the address", block.trunc(), block.addr()),
            ),
            Ok(block) => Ok(block),
            Err(_) => invalid(
                format!("`{text}` is no block of addresses"),
                "write e.g. 10.0.0.0/8 or 192.0.2.1",
            ),
        }
    }

    fn show(block: &Self) -> String {
        block.to_string()
    }
}
