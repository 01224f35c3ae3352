//! The operating system's limit on open files, and how many connections fit below it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Reloadable;
use crate::upstream::Target;

/// The number of files for other purposes: listeners, the log, files that are being read, the runtimes.
const OTHERS: u64 = 64;

/// Raises the soft limit to the hard limit, and returns it; `None` if there is no limit.
pub(crate) fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        return current;
    }
    maximum
}

/// How many client connections fit below `limit`, if connections to upstreams need files as well. Without free
/// files clawgate could not forward the requests of admitted clients.
pub(crate) fn room_for_clients(settings: &Reloadable, limit: u64) -> usize {
    let mut upstreams: Vec<_> = settings.routes.iter().map(|route| &route.upstream).collect();
    upstreams.dedup();
    let called = upstreams.iter().filter(|upstream| upstream.target != Target::Echo);
    let wanted: usize = called.map(|upstream| upstream.connections).sum();
    room(limit, u64::try_from(wanted).unwrap_or(u64::MAX))
}

fn room(limit: u64, upstream: u64) -> usize {
    let room = limit.saturating_sub(OTHERS);
    // If there are few, half of them are for clients.
    let room = (room - upstream.min(room / 2)).max(1);
    usize::try_from(room).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_for_upstreams_are_reserved_but_at_most_half_of_all() {
        for (limit, upstream, clients) in [
            (1024, 512, 480),
            (20_064, 512, 19_488),
            (164, 512, 50),
            (64, 512, 1),
            (0, 0, 1),
            (164, 0, 100),
        ] {
            assert_eq!(room(limit, upstream), clients, "{limit} {upstream}");
        }
    }
}
