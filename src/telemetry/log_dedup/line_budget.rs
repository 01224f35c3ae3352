//! Limits how many events are logged in full per minute, whatever their key.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, SystemTime};

const MINUTE: Duration = Duration::from_secs(60);
/// Lines per minute about one source.
const PER_SOURCE: u32 = 60;
/// Lines per minute in all. At less than 4 KiB each, that is less than 2.4 MiB.
const IN_ALL: u32 = 600;
/// How many of these lines probes and scanners may use.
const FOR_NOISE: u32 = IN_ALL / 2;

/// The lines that were logged in the current minute.
#[derive(Debug)]
pub(super) struct LineBudget {
    since: SystemTime,
    all: u32,
    /// It has at most as many sources as lines.
    by_source: HashMap<IpAddr, u32>,
}

/// Why no further line is logged in this minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exhausted {
    /// The source has used its lines.
    Source,
    /// All lines of the minute are used.
    All,
}

impl Default for LineBudget {
    fn default() -> Self {
        Self { since: SystemTime::UNIX_EPOCH, all: 0, by_source: HashMap::new() }
    }
}

impl LineBudget {
    /// Counts a line about `source`.
    ///
    /// # Errors
    /// When no further line is allowed.
    pub(super) fn try_take(
        &mut self,
        source: Option<IpAddr>,
        is_noise: bool,
        now: SystemTime,
    ) -> Result<(), Exhausted> {
        // A clock that was set back also begins a new minute.
        if now.duration_since(self.since).map_or(true, |passed| passed >= MINUTE) {
            *self = Self { since: now, ..Self::default() };
        }
        if self.all >= if is_noise { FOR_NOISE } else { IN_ALL } {
            return Err(Exhausted::All);
        }
        if let Some(source) = source {
            let count = self.by_source.entry(source).or_default();
            if *count >= PER_SOURCE {
                return Err(Exhausted::Source);
            }
            *count += 1;
        }
        self.all += 1;
        Ok(())
    }
}

/// The network of a client. For an IPv6 address it is the /64, because a client usually has a whole /64.
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
