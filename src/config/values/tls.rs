//! What a handshake may agree on, and names of servers.

use rustls::SupportedCipherSuite;
use rustls_pki_types::ServerName;

use crate::config::value_type::{Invalid, Kind, ValueType, invalid};
use crate::tls::parameters::{self, Group};

/// A cipher suite by its name.
#[derive(Debug)]
pub(in crate::config) struct CipherSuite;

impl ValueType for CipherSuite {
    type Value = SupportedCipherSuite;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<SupportedCipherSuite, Invalid> {
        parameters::suite(text).or_else(|unsupported| {
            let what = format!("`{text}` is no cipher suite that clawgate supports");
            invalid(what, unsupported.to_string())
        })
    }

    fn show(suite: &SupportedCipherSuite) -> String {
        suite.suite().as_str().unwrap_or_default().to_owned()
    }
}

/// A group for the key exchange by its name.
#[derive(Debug)]
pub(in crate::config) struct KeyExchange;

impl ValueType for KeyExchange {
    type Value = Group;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Group, Invalid> {
        parameters::group(text).or_else(|unsupported| {
            let what = format!("`{text}` is no group that clawgate supports");
            invalid(what, unsupported.to_string())
        })
    }

    fn show(group: &Group) -> String {
        group.name().as_str().unwrap_or_default().to_owned()
    }
}

impl ValueType for ServerName<'static> {
    type Value = Self;
    const KIND: Kind = Kind::Text;

    fn read(text: &str) -> Result<Self, Invalid> {
        Self::try_from(text.to_owned()).or_else(|_| {
            invalid(
                format!("`{text}` is no name that a certificate can have"),
                "write a DNS name, or an IP address",
            )
        })
    }

    fn show(name: &Self) -> String {
        name.to_str().into_owned()
    }
}
