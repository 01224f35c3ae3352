//! Limits how many events are logged in full per minute, whatever their kind.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

const MINUTE: Duration = Duration::from_secs(60);
/// Lines per minute about one source.
const OF_SOURCE: u32 = 60;
/// Lines per minute in all. At less than 4 KiB each, that is less than 2.4 MiB.
const OF_ALL: u32 = 600;
/// How many of these lines noise may use.
const OF_NOISE: u32 = OF_ALL / 2;

/// The lines of the current minute.
#[derive(Debug)]
pub(super) struct Lines {
    since: SystemTime,
    all: u32,
    /// Has at most as many sources as there are lines.
    of: HashMap<IpAddr, u32>,
}

/// Why no further line is logged in this minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// The source has used its lines.
    OfSource,
    /// All lines of the minute are used.
    OfAll,
}

impl Default for Lines {
    fn default() -> Self {
        Self { since: SystemTime::UNIX_EPOCH, all: 0, of: HashMap::new() }
    }
}

impl Lines {
    /// Counts a line about `source`, if one more is allowed.
    pub(crate) fn take(
        &mut self,
        source: Option<IpAddr>,
        is_noise: bool,
        now: SystemTime,
    ) -> Result<(), Spent> {
        // A clock that was set back also begins a new minute.
        if now.duration_since(self.since).map_or(true, |passed| passed >= MINUTE) {
            *self = Self { since: now, ..Self::default() };
        }
        if self.all >= if is_noise { OF_NOISE } else { OF_ALL } {
            return Err(Spent::OfAll);
        }
        if let Some(source) = source {
            let of_source = self.of.entry(source).or_default();
            if *of_source >= OF_SOURCE {
                return Err(Spent::OfSource);
            }
            *of_source += 1;
        }
        self.all += 1;
        Ok(())
    }
}

/// The network of a client: of an IPv6 address its /64, since a client usually has a whole /64.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The same network as text.
pub fn network_text(network: IpAddr) -> String {
    match network {
        IpAddr::V6(address) => format!("{address}/64"),
        IpAddr::V4(address) => address.to_string(),
    }
}
