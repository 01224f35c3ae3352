//! The addresses that are not on the public Internet, by IANA's registries of special-purpose addresses.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What an address is that is not on the public Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// The data of a cloud's virtual machine, credentials among them.
    CloudMetadata,
    /// This machine.
    Loopback,
    /// A private network (RFC 1918).
    Private,
    /// The network of a provider behind its address translation (RFC 6598).
    SharedSpace,
    /// A private IPv6 network (RFC 4193).
    UniqueLocal,
    /// The network of one cable.
    LinkLocal,
    /// The IPv6 network of one site, out of use (RFC 3879).
    SiteLocal,
    /// This host on this network (RFC 1122).
    ThisNetwork,
    /// For protocols (RFC 6890), Teredo and ORCHID among them.
    ProtocolAssignment,
    /// For examples in documents.
    Documentation,
    /// For measurements of network devices.
    Benchmarking,
    /// For many receivers.
    Multicast,
    /// For all receivers of a network.
    Broadcast,
    /// For nobody yet.
    Reserved,
    /// An IPv4 address within an IPv6 address that is routed by 6to4 (RFC 3056), and its relays.
    SixToFour,
    /// An IPv4 address within an IPv6 address (NAT64, RFC 6052 and RFC 8215).
    Nat64,
    /// An IPv4 address within an IPv6 address, out of use (RFC 4291 section 2.5.5.1).
    V4Compatible,
    /// Discarded by routers (RFC 6666), or never used (RFC 9780).
    Discard,
    /// Instructions for routers (RFC 9602).
    SegmentRouting,
}

impl AddressClass {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::CloudMetadata,
        Self::Loopback,
        Self::Private,
        Self::SharedSpace,
        Self::UniqueLocal,
        Self::LinkLocal,
        Self::SiteLocal,
        Self::ThisNetwork,
        Self::ProtocolAssignment,
        Self::Documentation,
        Self::Benchmarking,
        Self::Multicast,
        Self::Broadcast,
        Self::Reserved,
        Self::SixToFour,
        Self::Nat64,
        Self::V4Compatible,
        Self::Discard,
        Self::SegmentRouting,
    ];

    /// Its word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CloudMetadata => "cloud_metadata",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::SharedSpace => "shared_address_space",
            Self::UniqueLocal => "unique_local",
            Self::LinkLocal => "link_local",
            Self::SiteLocal => "site_local",
            Self::ThisNetwork => "this_network",
            Self::ProtocolAssignment => "protocol_assignment",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Reserved => "reserved",
            Self::SixToFour => "6to4",
            Self::Nat64 => "nat64",
            Self::V4Compatible => "ipv4_compatible",
            Self::Discard => "discard",
            Self::SegmentRouting => "segment_routing",
        }
    }

    /// Whether `allow_private` may allow such an address.
    pub const fn can_be_allowed(self) -> bool {
        matches!(self, Self::Loopback | Self::Private | Self::SharedSpace | Self::UniqueLocal)
    }

    /// What an address is; `None`: it is on the public Internet. An IPv4 address that is written as an IPv6 one
    /// (`::ffff:0:0/96`) is taken for what it is.
    pub fn of(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                V4.iter().find(|(net, _)| net.contains(&address)).map(|(_, class)| *class)
            }
            IpAddr::V6(address) => {
                V6.iter().find(|(net, _)| net.contains(&address)).map(|(_, class)| *class).or_else(
                    || {
                        // Nothing else is routed on the Internet.
                        (!GLOBAL_UNICAST.contains(&address)).then_some(Self::Reserved)
                    },
                )
            }
        }
    }

    /// The class of which all addresses of the network are; `None` if some are of another class, or public.
    pub(super) fn of_network(network: &IpNet) -> Option<Self> {
        match network {
            IpNet::V4(network) => {
                V4.iter().find(|(net, _)| net.contains(network)).map(|(_, class)| *class)
            }
            IpNet::V6(network) => {
                V6.iter().find(|(net, _)| net.contains(network)).map(|(_, class)| *class)
            }
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: [u16; 4], last: u16, prefix: u8) -> Ipv6Net {
    let [a, b, c, d] = first;
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, last), prefix)
}

/// The part of IPv6 that is routed on the Internet.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0], 0, 3);

/// The IPv4 networks; the first that fits counts. Where IANA has single public addresses within a network for protocols, those are refused,
/// too: no API is there.
const V4: &[(Ipv4Net, AddressClass)] = &[
    (v4(169, 254, 169, 254, 32), AddressClass::CloudMetadata),
    (v4(169, 254, 170, 2, 32), AddressClass::CloudMetadata),
    (v4(169, 254, 170, 23, 32), AddressClass::CloudMetadata),
    (v4(100, 100, 100, 200, 32), AddressClass::CloudMetadata),
    (v4(192, 0, 0, 192, 32), AddressClass::CloudMetadata),
    (v4(127, 0, 0, 0, 8), AddressClass::Loopback),
    (v4(10, 0, 0, 0, 8), AddressClass::Private),
    (v4(172, 16, 0, 0, 12), AddressClass::Private),
    (v4(192, 168, 0, 0, 16), AddressClass::Private),
    (v4(100, 64, 0, 0, 10), AddressClass::SharedSpace),
    (v4(169, 254, 0, 0, 16), AddressClass::LinkLocal),
    (v4(0, 0, 0, 0, 8), AddressClass::ThisNetwork),
    (v4(192, 0, 0, 0, 24), AddressClass::ProtocolAssignment),
    (v4(192, 0, 2, 0, 24), AddressClass::Documentation),
    (v4(198, 51, 100, 0, 24), AddressClass::Documentation),
    (v4(203, 0, 113, 0, 24), AddressClass::Documentation),
    (v4(192, 88, 99, 0, 24), AddressClass::SixToFour),
    (v4(198, 18, 0, 0, 15), AddressClass::Benchmarking),
    (v4(224, 0, 0, 0, 4), AddressClass::Multicast),
    (v4(255, 255, 255, 255, 32), AddressClass::Broadcast),
    (v4(240, 0, 0, 0, 4), AddressClass::Reserved),
];

/// The IPv6 networks; the first that fits counts.
const V6: &[(Ipv6Net, AddressClass)] = &[
    (v6([0xfd00, 0xec2, 0, 0], 0x254, 128), AddressClass::CloudMetadata),
    (v6([0xfd00, 0xec2, 0, 0], 0x23, 128), AddressClass::CloudMetadata),
    (v6([0xfd20, 0xce, 0, 0], 0x254, 128), AddressClass::CloudMetadata),
    (v6([0, 0, 0, 0], 1, 128), AddressClass::Loopback),
    (v6([0, 0, 0, 0], 0, 128), AddressClass::ThisNetwork),
    (v6([0, 0, 0, 0], 0, 96), AddressClass::V4Compatible),
    (v6([0x64, 0xff9b, 0, 0], 0, 96), AddressClass::Nat64),
    (v6([0x64, 0xff9b, 1, 0], 0, 48), AddressClass::Nat64),
    (v6([0x100, 0, 0, 0], 0, 64), AddressClass::Discard),
    (v6([0x100, 0, 0, 1], 0, 64), AddressClass::Discard),
    (v6([0x2001, 2, 0, 0], 0, 48), AddressClass::Benchmarking),
    (v6([0x2001, 0, 0, 0], 0, 23), AddressClass::ProtocolAssignment),
    (v6([0x2001, 0xdb8, 0, 0], 0, 32), AddressClass::Documentation),
    (v6([0x3fff, 0, 0, 0], 0, 20), AddressClass::Documentation),
    (v6([0x2002, 0, 0, 0], 0, 16), AddressClass::SixToFour),
    (v6([0x5f00, 0, 0, 0], 0, 16), AddressClass::SegmentRouting),
    (v6([0xfc00, 0, 0, 0], 0, 7), AddressClass::UniqueLocal),
    (v6([0xfe80, 0, 0, 0], 0, 10), AddressClass::LinkLocal),
    (v6([0xfec0, 0, 0, 0], 0, 10), AddressClass::SiteLocal),
    (v6([0xff00, 0, 0, 0], 0, 8), AddressClass::Multicast),
];
