//! IP addresses without the part that names one household or machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first address of the network that an address is in: /24 of IPv4, /48 of IPv6. `None` if the text is no address.
///
/// A port is left out. An IPv4 address within IPv6 (`::ffff:192.0.2.7`) is taken as one of IPv4. A 6to4 address (RFC 3056) has the
/// whole IPv4 address in its first 48 bits, so only 40 of them stay.
pub(super) fn ip_prefix(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|it| it.ip()));
    Some(match address.ok()?.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            let c = if a == 0x2002 { c & 0xff00 } else { c };
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    })
}
