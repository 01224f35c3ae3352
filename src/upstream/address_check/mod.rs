//! Which addresses may be connected to, where a name is not ours.
//!
//! The name of a target may lead to any address, and to another one at each look-up. So the addresses are checked after each
//! resolution, and the connection is made to what was checked, without another look-up.

mod class;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use thiserror::Error;

pub use self::class::AddressClass;

/// Decides about the addresses of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressCheck {
    allowed: Vec<IpNet>,
}

/// A network that `allow_private` may not have.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{0} is not within one loopback, private, shared or unique local network")]
pub struct NotPrivate(pub IpNet);

impl NotPrivate {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "write the network of the target only, e.g. \"10.1.2.0/24\"; public addresses need no permission"
    }
}

/// An address that the relay does not connect to.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AddressRefused {
    /// The name has no address.
    #[error("the name of the target has no address")]
    None,
    /// All addresses are refused; this is the first.
    #[error("the target has the address {address}, which is not public ({class})")]
    NotPublic {
        /// The address.
        address: IpAddr,
        /// What it is.
        class: AddressClass,
    },
}

impl AddressRefused {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::None => "correct the name in the target's `url`, or its entry in the DNS",
            Self::NotPublic { class, .. } if class.can_be_allowed() => {
                "if the target is in your own network, write its network into the target's `allow_private`"
            }
            Self::NotPublic { .. } => "correct the target's `url`: no target can be at such an address",
        }
    }
}

impl AddressCheck {
    /// Allows these networks in addition to the public Internet.
    ///
    /// # Errors
    /// The first network that is not wholly private.
    pub fn new(allow_private: Vec<IpNet>) -> Result<Self, NotPrivate> {
        let is_private =
            |net: &IpNet| AddressClass::of_network(net).is_some_and(AddressClass::can_be_allowed);
        match allow_private.iter().find(|net| !is_private(net)) {
            Some(net) => Err(NotPrivate(*net)),
            None => Ok(Self { allowed: allow_private }),
        }
    }

    /// Whether the relay may connect to the address.
    pub fn check(&self, address: IpAddr) -> Result<(), AddressRefused> {
        let Some(class) = AddressClass::of(address) else {
            return Ok(());
        };
        let canonical = address.to_canonical();
        let is_allowed =
            class.can_be_allowed() && self.allowed.iter().any(|net| net.contains(&canonical));
        if is_allowed { Ok(()) } else { Err(AddressRefused::NotPublic { address, class }) }
    }

    /// Those of the resolved addresses that the relay may connect to, in their order; at least one.
    pub fn select(&self, resolved: &[SocketAddr]) -> Result<Vec<SocketAddr>, AddressRefused> {
        let mut refused = AddressRefused::None;
        let mut selected = Vec::new();
        for address in resolved {
            match self.check(address.ip()) {
                Ok(()) => selected.push(*address),
                Err(error) if refused == AddressRefused::None => refused = error,
                Err(_) => {}
            }
        }
        if selected.is_empty() { Err(refused) } else { Ok(selected) }
    }
}
