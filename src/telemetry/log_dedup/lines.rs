//! How many lines in full there may be in a minute, whatever they are about.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

const MINUTE: Duration = Duration::from_secs(60);
/// Lines of one source in a minute.
const OF_SOURCE: u32 = 60;
/// Lines in all in a minute. With less than 4 KiB each that is less than 2.4 MiB.
const OF_ALL: u32 = 600;
/// Those of them that noise may have.
const OF_NOISE: u32 = OF_ALL / 2;

/// The lines of the present minute.
#[derive(Debug)]
pub(super) struct Lines {
    since: SystemTime,
    all: u32,
    /// No more sources than lines are counted.
    of: HashMap<IpAddr, u32>,
}

/// Why there may be no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// The source has had its lines.
    OfSource,
    /// All have.
    OfAll,
}

impl Default for Lines {
    fn default() -> Self {
        Self { since: SystemTime::UNIX_EPOCH, all: 0, of: HashMap::new() }
    }
}

impl Lines {
    /// Counts a line of `source`, if there may be one more.
    pub(crate) fn take(
        &mut self,
        source: Option<IpAddr>,
        is_noise: bool,
        now: SystemTime,
    ) -> Result<(), Spent> {
        // A clock that was set back begins another minute, too.
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

/// Where somebody is: whoever has an IPv6 address has a /64 of them.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The same in words.
pub fn network_text(network: IpAddr) -> String {
    match network {
        IpAddr::V6(address) => format!("{address}/64"),
        IpAddr::V4(address) => address.to_string(),
    }
}
