//! Why a gate does not start, or ends badly.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::tls::server::ServerError;
use crate::upstream::{ConnectorError, Target};
use crate::wording::io as io_words;

/// Why settings that are fine one by one cannot be used.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// rustls does not take the material.
    #[error(transparent)]
    Tls(#[from] ServerError),
    /// An upstream cannot be called.
    #[error("the upstream {0} cannot be used: {1}")]
    Upstream(Target, #[source] ConnectorError),
}

/// Why a prepared gate did not start, or ended badly.
#[derive(Debug, Error)]
pub enum RunError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({setting}): {}{}", io_words(.error), hint(.error))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Which setting named it.
        setting: &'static str,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// A unix socket cannot be listened on.
    #[error("cannot listen on unix:{} ({setting}): {}\n  hint: stop what listens there, or choose another path \
             in a folder that clawgate's user may write; to take over from another gate, --takeover true", path.display(), io_words(.error))]
    BindUnix {
        /// Its file.
        path: PathBuf,
        /// Which setting named it.
        setting: &'static str,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// What the service manager passed is of no use.
    #[error(
        "the service manager passed a socket that cannot be used: {}\n  hint: give it TCP addresses in \
         ListenStream=, without Accept=yes", io_words(.0)
    )]
    Passed(#[source] io::Error),
    /// No thread, runtime or signal handler could be had.
    #[error("cannot start: {}", io_words(.0))]
    Start(#[source] io::Error),
    /// A worker ended on its own.
    #[error("a worker ended unexpectedly; see the log")]
    Worker,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "\n  hint: stop what listens there (`ss -ltnp`), or choose another port; to take over from another \
             gate, --takeover true"
        }
        io::ErrorKind::AddrNotAvailable => "\n  hint: choose an address of this machine (`ip address`)",
        io::ErrorKind::PermissionDenied => {
            "\n  hint: choose a port from 1024 on, or give clawgate CAP_NET_BIND_SERVICE"
        }
        _ => "",
    }
}
