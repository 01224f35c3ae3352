//! Why clawgate cannot start, or ends with an error.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::wording::io as io_words;

/// Why clawgate cannot start, or ended with an error.
#[derive(Debug, Error)]
pub enum RunError {
    /// It cannot listen on an address.
    #[error("cannot listen on {address} ({setting}): {}{}", io_words(.error), hint(.error))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The setting that names it.
        setting: &'static str,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// It cannot listen on a unix socket.
    #[error("cannot listen on unix:{} ({setting}): {}\n  hint: stop what listens there, or choose another path \
             in a folder that clawgate's user may write; to take over from a running clawgate, --takeover true", path.display(), io_words(.error))]
    BindUnix {
        /// Its file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// A socket of the service manager cannot be used.
    #[error(
        "the service manager passed a socket that cannot be used: {}\n  hint: give it TCP addresses in \
         ListenStream=, without Accept=yes", io_words(.0)
    )]
    Passed(#[source] io::Error),
    /// The system gave no thread, runtime or signal handler.
    #[error("cannot start: {}", io_words(.0))]
    Start(#[source] io::Error),
    /// A worker ended on its own.
    #[error("a worker ended unexpectedly; see the log")]
    Worker,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "\n  hint: stop what listens there (`ss -ltnp`), or choose another port; to take over from a running \
             clawgate, --takeover true"
        }
        io::ErrorKind::AddrNotAvailable => "\n  hint: choose an address of this machine (`ip address`)",
        io::ErrorKind::PermissionDenied => {
            "\n  hint: choose a port from 1024 on, or give clawgate CAP_NET_BIND_SERVICE"
        }
        _ => "",
    }
}
