//! Sockets that the service manager has opened and passed on (sd_listen_fds(3)).
//!
//! They stay open while clawgate restarts. New connections wait in the kernel until then, and none is refused.

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;
use sd_notify::listen_fds_with_names;
use socket2::SockRef;

/// The values of `FileDescriptorName=` for the admin listener, for listeners that require a PROXY header, and for those that
/// ask for no client certificate.
const ADMIN: &str = "admin";
const PROXY: &str = "proxy";
const SIGNED: &str = "signed";

/// The sockets that were passed; empty without a service manager.
#[derive(Debug, Default)]
pub(crate) struct ActivatedSockets {
    /// Replace `listen.address`.
    pub(crate) clients: Vec<TcpListener>,
    /// Replace `listen.proxy_address`.
    pub(crate) proxies: Vec<TcpListener>,
    /// Replace `listen.signed_address`.
    pub(crate) signed: Vec<TcpListener>,
    /// Replaces `admin.address`.
    pub(crate) admin: Option<TcpListener>,
}

impl ActivatedSockets {
    /// Takes the sockets. A second call returns none.
    pub(crate) fn take() -> io::Result<Self> {
        let mut passed = Self::default();
        // The names are read first, because the other call removes the variables.
        let names = listen_fds_with_names().map(|fds| fds.map(|(_, name)| name).collect::<Vec<_>>());
        let mut names = names.unwrap_or_default().into_iter();
        let mut fds = ListenFd::from_env();
        for index in 0..fds.len() {
            let name = names.next();
            let Some(listener) = fds.take_tcp_listener(index)? else { continue };
            if !SockRef::from(&listener).is_listener()? {
                return Err(io::Error::other(format!("socket {index} does not listen (Accept=yes?)")));
            }
            listener.set_nonblocking(true)?;
            match name.as_deref() {
                Some(ADMIN) if passed.admin.is_none() => passed.admin = Some(listener),
                Some(PROXY) => passed.proxies.push(listener),
                Some(SIGNED) => passed.signed.push(listener),
                _ => passed.clients.push(listener),
            }
        }
        Ok(passed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        let Self { clients, proxies, signed, admin } = self;
        clients.is_empty() && proxies.is_empty() && signed.is_empty() && admin.is_none()
    }
}
