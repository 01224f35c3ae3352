//! Worker threads and the sockets they listen on.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::RunError;
use crate::admin::Bound;
use crate::config::{AdminAddress, Settings};
use crate::ingress::Reception;
use crate::ingress::listener::{self, Ids};
use crate::shutdown::Tasks;

/// All listening sockets, bound before anything starts.
pub(super) struct Sockets {
    /// For each worker, one socket of each address.
    pub(super) workers: Vec<Listeners>,
    pub(super) admin: Option<Bound>,
    /// The real addresses, where port 0 was asked for.
    pub(super) addresses: Vec<SocketAddr>,
    /// Those where a PROXY header is required.
    pub(super) proxy_addresses: Vec<SocketAddr>,
}

/// The listening sockets of one worker.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// For senders.
    plain: Vec<StdListener>,
    /// For load balancers, which say first whose connection it is.
    introduced: Vec<StdListener>,
}

impl Sockets {
    pub(super) fn bind(settings: &Settings) -> Result<Self, RunError> {
        let failed = |address, setting| move |error| RunError::Bind { address, setting, error };
        let count = settings.workers.get();
        let mut workers: Vec<_> = (0..count).map(|_| Listeners::default()).collect();
        let mut bind =
            |address: SocketAddr, setting, of: fn(&mut Listeners) -> &mut Vec<StdListener>| {
                let sockets = listener::bind(address, count).map_err(failed(address, setting))?;
                let actual = sockets.first().map_or(Ok(address), StdListener::local_addr);
                for (worker, socket) in workers.iter_mut().zip(sockets) {
                    of(worker).push(socket);
                }
                actual.map_err(RunError::Start)
            };
        let (mut addresses, mut proxy_addresses) = (Vec::new(), Vec::new());
        for &address in &settings.listen {
            addresses.push(bind(address, "listen.address", |worker| &mut worker.plain)?);
        }
        for &address in &settings.proxy.listen {
            let bound = bind(address, "listen.proxy_address", |worker| &mut worker.introduced)?;
            proxy_addresses.push(bound);
        }
        let admin = match &settings.admin {
            Some(admin) => Some(bind_admin(&admin.address)?),
            None => None,
        };
        Ok(Self { workers, admin, addresses, proxy_addresses })
    }
}

fn bind_admin(address: &AdminAddress) -> Result<Bound, RunError> {
    let setting = "admin.address";
    match address {
        AdminAddress::Tcp(tcp) => {
            let failed = |error| RunError::Bind { address: *tcp, setting, error };
            let socket = listener::bind(*tcp, 1).map_err(failed)?.pop();
            socket.map(Bound::Tcp).ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))
        }
        AdminAddress::Unix(path) => {
            Bound::unix(path).map_err(|error| RunError::BindUnix { path: path.clone(), setting, error })
        }
    }
}

/// One worker, ready to start.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) runtime: Runtime,
    pub(super) reception: Arc<Reception>,
    pub(super) drain_timeout: Duration,
}

impl Worker {
    /// Starts its thread; the receiver gets the number of tasks that did not end in time.
    pub(super) fn start(self, listeners: Listeners) -> io::Result<oneshot::Receiver<usize>> {
        let (done, receiver) = oneshot::channel();
        let name = format!("worker-{}", self.number);
        thread::Builder::new().name(name).spawn(move || match self.serve(listeners) {
            Ok(forced) => drop(done.send(forced)),
            Err(error) => tracing::error!(%error, "a worker could not use its socket"),
        })?;
        Ok(receiver)
    }

    fn serve(self, listeners: Listeners) -> io::Result<usize> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let mut salt = [0; 3];
        aws_lc_rs::rand::SecureRandom::fill(&random, &mut salt).map_err(io::Error::other)?;
        let prefix = format!("{}{:x}-", data_encoding::HEXLOWER.encode(&salt), self.number);
        let ids = Arc::new(Ids::new(prefix));
        self.runtime.block_on(async {
            let tasks = Tasks::default();
            let plain = listeners.plain.into_iter().map(|socket| (socket, false));
            let introduced = listeners.introduced.into_iter().map(|socket| (socket, true));
            for (listener, introduced) in plain.chain(introduced) {
                let listener = TcpListener::from_std(listener)?;
                let accepting = listener::run(
                    listener,
                    introduced,
                    Arc::clone(&self.reception),
                    tasks.clone(),
                    Arc::clone(&ids),
                );
                tasks.spawn(accepting);
            }
            self.reception.drain.begun().await;
            Ok(tasks.finish(self.drain_timeout).await)
        })
        // Dropping the runtime ends what is left.
    }
}
