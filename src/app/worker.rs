//! Worker threads and the sockets they listen on.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::errors::RunError;
use crate::admin::Bound;
use crate::config::{AdminAddress, Startup};
use crate::platform::socket_activation::ActivatedSockets;
use crate::platform::systemd::Heartbeat;
use crate::server::listener::{ConnectionIds, ListenSocket};
use crate::server::{ConnectionHandler, listener};
use crate::shutdown::Tasks;
use crate::wording;

/// All listening sockets, open before anything starts.
pub(super) struct Sockets {
    /// For each worker, one socket of each address.
    pub(super) workers: Vec<Vec<ListenSocket>>,
    pub(crate) admin: Option<Bound>,
    /// The real addresses, where port 0 was asked for, or the sockets were passed.
    pub(super) addresses: Vec<SocketAddr>,
    /// Those where a PROXY header is required.
    pub(super) proxy_addresses: Vec<SocketAddr>,
    /// Whether some came from the service manager.
    pub(super) passed: bool,
}

impl Sockets {
    /// Those that the service manager has passed, else those of the settings: of each kind.
    pub(super) fn open(settings: &Startup) -> Result<Self, RunError> {
        let passed = ActivatedSockets::take().map_err(RunError::Passed)?;
        let mut sockets = Self {
            workers: (0..settings.workers.get()).map(|_| Vec::new()).collect(),
            admin: None,
            addresses: Vec::new(),
            proxy_addresses: Vec::new(),
            passed: !passed.is_empty(),
        };
        let listen = (settings.listen.as_slice(), "listen.address");
        sockets.addresses = sockets.doors(passed.clients, listen, settings.takeover, false)?;
        let proxy = (settings.listen_proxy.as_slice(), "listen.proxy_address");
        sockets.proxy_addresses = sockets.doors(passed.proxies, proxy, settings.takeover, true)?;
        sockets.admin = match (passed.admin, &settings.admin) {
            (Some(admin), _) => Some(Bound::Tcp(admin)),
            (None, Some(admin)) => Some(bind_admin(admin, settings.takeover)?),
            (None, None) => None,
        };
        Ok(sockets)
    }

    /// Opens those of one kind; returns their addresses.
    fn doors(
        &mut self,
        passed: Vec<StdListener>,
        (addresses, setting): (&[SocketAddr], &'static str),
        takeover: bool,
        expects_proxy_header: bool,
    ) -> Result<Vec<SocketAddr>, RunError> {
        let mut actual = Vec::new();
        let shared = !passed.is_empty();
        for listener in &passed {
            actual.push(listener.local_addr().map_err(RunError::Passed)?);
            for worker in &mut self.workers {
                // The same socket for each worker: they take turns with what comes.
                let socket = listener.try_clone().map_err(RunError::Passed)?;
                worker.push(ListenSocket { socket, expects_proxy_header, shared });
            }
        }
        for &address in addresses.iter().filter(|_| !shared) {
            let sockets = listener::bind(address, self.workers.len(), takeover);
            let sockets = sockets.map_err(failed(address, setting))?;
            let first = sockets.first().map_or(Ok(address), StdListener::local_addr);
            actual.push(first.map_err(RunError::Start)?);
            for (worker, socket) in self.workers.iter_mut().zip(sockets) {
                worker.push(ListenSocket { socket, expects_proxy_header, shared });
            }
        }
        Ok(actual)
    }
}

fn failed(address: SocketAddr, setting: &'static str) -> impl Fn(io::Error) -> RunError {
    move |error| RunError::Bind { address, setting, error }
}

fn bind_admin(address: &AdminAddress, takeover: bool) -> Result<Bound, RunError> {
    let setting = "admin.address";
    match address {
        AdminAddress::Tcp(tcp) => {
            let failed = failed(*tcp, setting);
            let socket = listener::bind(*tcp, 1, takeover).map_err(&failed)?.pop();
            socket.map(Bound::Tcp).ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))
        }
        AdminAddress::Unix(path) => Bound::unix(path, takeover).map_err(|error| RunError::BindUnix {
            path: path.clone(),
            setting,
            error,
        }),
    }
}

/// One worker, ready to start.
pub(super) struct Worker {
    pub(crate) number: usize,
    pub(super) runtime: Runtime,
    pub(super) reception: Arc<ConnectionHandler>,
    pub(super) drain_timeout: Duration,
    /// Where it shows that it is not stuck.
    pub(super) pulse: Heartbeat,
}

impl Worker {
    /// Starts its thread; the receiver gets the number of tasks that did not end in time.
    pub(super) fn start(self, doors: Vec<ListenSocket>) -> io::Result<oneshot::Receiver<usize>> {
        let (done, receiver) = oneshot::channel();
        let name = format!("worker-{}", self.number);
        thread::Builder::new().name(name).spawn(move || match self.serve(doors) {
            Ok(forced) => drop(done.send(forced)),
            Err(error) => {
                tracing::error!(error = wording::io(&error), "a worker could not use its socket");
            }
        })?;
        Ok(receiver)
    }

    fn serve(self, doors: Vec<ListenSocket>) -> io::Result<usize> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let mut salt = [0; 3];
        aws_lc_rs::rand::SecureRandom::fill(&random, &mut salt).map_err(io::Error::other)?;
        let prefix = format!("{}{:x}-", data_encoding::HEXLOWER.encode(&salt), self.number);
        let ids = Arc::new(ConnectionIds::new(prefix));
        self.runtime.block_on(async {
            let tasks = Tasks::default();
            for door in doors {
                let accepting =
                    listener::run(door, Arc::clone(&self.reception), tasks.clone(), Arc::clone(&ids));
                tasks.spawn(accepting);
            }
            let serve = async {
                self.reception.drain.begun().await;
                tasks.finish(self.drain_timeout).await
            };
            tokio::select! {
                forced = serve => Ok(forced),
                never = self.pulse.beat() => match never {},
            }
        })
        // Dropping the runtime ends what is left.
    }
}
