//! Sockets that the service manager has opened and passed on (sd_listen_fds(3)).
//!
//! They outlive clawgate: what connects while one gate is replaced by the next waits in the kernel, and
//! nothing is refused.

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;
use sd_notify::listen_fds_with_names;
use socket2::SockRef;

/// What `FileDescriptorName=` is for the admin listener, and where a PROXY header is required.
const ADMIN: &str = "admin";
const PROXY: &str = "proxy";

/// The sockets passed; none where no service manager has any.
#[derive(Debug, Default)]
pub(crate) struct ActivatedSockets {
    /// In the place of `listen.address`.
    pub(crate) clients: Vec<TcpListener>,
    /// In the place of `listen.proxy_address`.
    pub(crate) proxies: Vec<TcpListener>,
    /// In the place of `admin.address`.
    pub(crate) admin: Option<TcpListener>,
}

impl ActivatedSockets {
    /// Takes them; a second call finds none.
    pub(crate) fn take() -> io::Result<Self> {
        let mut passed = Self::default();
        // Before the other, which takes the variables away.
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
                _ => passed.clients.push(listener),
            }
        }
        Ok(passed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.proxies.is_empty() && self.admin.is_none()
    }
}
