//! All listening sockets.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};

use super::errors::RunError;
use crate::admin;
use crate::config::Startup;
use crate::connection::{ClientAuth, PlainAddress};
use crate::platform::plain_listener::Bound;
use crate::platform::socket_activation::ActivatedSockets;
use crate::server::listener::{self, ListenSocket, ListenerKind};
use crate::server::relay;

const CLIENTS: ListenerKind =
    ListenerKind { expects_proxy_header: false, client_auth: ClientAuth::Required };
const BALANCERS: ListenerKind =
    ListenerKind { expects_proxy_header: true, client_auth: ClientAuth::Required };
const SIGNED: ListenerKind = ListenerKind { expects_proxy_header: false, client_auth: ClientAuth::None };

/// All listening sockets. They are opened before anything else starts.
pub(super) struct Sockets {
    /// For each worker, one socket for each address.
    pub(super) workers: Vec<Vec<ListenSocket>>,
    pub(super) admin: Option<Bound>,
    pub(super) relay: Option<Bound>,
    /// The addresses, with the real ports, also of sockets from the service manager.
    pub(super) addresses: Vec<SocketAddr>,
    /// The addresses that require a PROXY header.
    pub(super) proxy_addresses: Vec<SocketAddr>,
    /// The addresses that ask for no client certificate.
    pub(super) signed_addresses: Vec<SocketAddr>,
    /// Whether some came from the service manager.
    pub(super) passed: bool,
}

impl Sockets {
    /// Uses the sockets that the service manager has opened. For each kind without such a socket, opens those of the
    /// settings.
    pub(super) fn open(settings: &Startup) -> Result<Self, RunError> {
        let passed = ActivatedSockets::take().map_err(RunError::Passed)?;
        let mut sockets = Self {
            workers: (0..settings.workers.get()).map(|_| Vec::new()).collect(),
            admin: None,
            relay: None,
            addresses: Vec::new(),
            proxy_addresses: Vec::new(),
            signed_addresses: Vec::new(),
            passed: !passed.is_empty(),
        };
        let listen = (settings.listen.as_slice(), "listen.address");
        sockets.addresses = sockets.add(passed.clients, listen, settings.takeover, CLIENTS)?;
        let proxy = (settings.listen_proxy.as_slice(), "listen.proxy_address");
        sockets.proxy_addresses = sockets.add(passed.proxies, proxy, settings.takeover, BALANCERS)?;
        let signed = (settings.listen_signed.as_slice(), "listen.signed_address");
        sockets.signed_addresses = sockets.add(passed.signed, signed, settings.takeover, SIGNED)?;
        sockets.admin = match (passed.admin, &settings.admin) {
            (Some(admin), _) => Some(Bound::Tcp(admin)),
            (None, Some(admin)) => {
                let setting = "admin.address";
                Some(bind_plain(admin, setting, settings.takeover, admin::is_own_answer)?)
            }
            (None, None) => None,
        };
        if let Some(relay) = &settings.relay {
            let setting = "relay.address";
            sockets.relay = Some(bind_plain(relay, setting, settings.takeover, relay::is_own_answer)?);
        }
        Ok(sockets)
    }

    /// Adds the sockets of one kind for all workers; returns their addresses.
    fn add(
        &mut self,
        passed: Vec<StdListener>,
        (addresses, setting): (&[SocketAddr], &'static str),
        takeover: bool,
        kind: ListenerKind,
    ) -> Result<Vec<SocketAddr>, RunError> {
        let mut actual = Vec::new();
        let shared = !passed.is_empty();
        for listener in &passed {
            actual.push(listener.local_addr().map_err(RunError::Passed)?);
            for worker in &mut self.workers {
                // Each worker accepts from the same socket.
                let socket = listener.try_clone().map_err(RunError::Passed)?;
                worker.push(ListenSocket { socket, kind, shared });
            }
        }
        for &address in addresses.iter().filter(|_| !shared) {
            let sockets = listener::bind(address, self.workers.len(), takeover);
            let sockets = sockets.map_err(failed(address, setting))?;
            let first = sockets.first().map_or(Ok(address), StdListener::local_addr);
            actual.push(first.map_err(RunError::Start)?);
            for (worker, socket) in self.workers.iter_mut().zip(sockets) {
                worker.push(ListenSocket { socket, kind, shared });
            }
        }
        Ok(actual)
    }
}

fn failed(address: SocketAddr, setting: &'static str) -> impl Fn(io::Error) -> RunError {
    move |error| RunError::Bind { address, setting, error }
}

/// Binds a listener without TLS. `is_own_answer` knows the answer of such a listener of another clawgate to `GET /livez`.
fn bind_plain(
    address: &PlainAddress,
    setting: &'static str,
    takeover: bool,
    is_own_answer: impl Fn(&str) -> bool,
) -> Result<Bound, RunError> {
    match address {
        PlainAddress::Tcp(tcp) => {
            let failed = failed(*tcp, setting);
            let socket = listener::bind(*tcp, 1, takeover).map_err(&failed)?.pop();
            socket.map(Bound::Tcp).ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))
        }
        PlainAddress::Unix(path) => {
            let failed = |error| RunError::BindUnix { path: path.clone(), setting, error };
            Bound::unix(path, takeover, is_own_answer).map_err(failed)
        }
    }
}
