//! Listening sockets: one of each address for every worker (SO_REUSEPORT), and the accept loop.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tracing::Level;

use super::connection::Reception;
use crate::observe::{Limit, emit};
use crate::shutdown::Tasks;
use crate::tls::Accepted;

/// Connections the kernel holds for a worker that is busy.
const BACKLOG: i32 = 1024;
/// Pauses after a failed accept (out of file descriptors, as a rule): doubled up to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Binds `address` once for each of `workers`; with port 0 all get the same free port.
///
/// # Errors
/// When somebody listens there already, the address is not this machine's, and the like.
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<StdListener>> {
    if address.port() != 0 {
        // SO_REUSEPORT would let a second gate in silently; a socket without it is refused.
        drop(socket(address, false)?);
    }
    let first = socket(address, true)?;
    let actual = first.local_addr()?;
    let others = (1..workers).map(|_| socket(actual, true));
    std::iter::once(Ok(first)).chain(others).collect()
}

fn socket(address: SocketAddr, share: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if share {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Makes identifiers of connections: unique among those of one start of the gate, and hardly ever
/// those of another.
#[derive(Debug)]
pub struct Ids {
    prefix: String,
    next: AtomicU64,
}

impl Ids {
    /// `prefix` tells starts and workers apart.
    pub fn new(prefix: String) -> Self {
        Self { prefix, next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{}{:x}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Accepts until the gate drains; then takes what the kernel holds already, and closes the socket.
///
/// `introduced`: a load balancer must say of each connection whose it is.
pub async fn run(
    listener: TcpListener,
    introduced: bool,
    reception: Arc<Reception>,
    tasks: Tasks,
    ids: Arc<Ids>,
) {
    // A bound socket has one.
    let Ok(address) = listener.local_addr() else { return };
    let by = By { address, introduced };
    let mut pause = BACKOFF.0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = reception.drain.begun() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((io, peer)) => {
                pause = BACKOFF.0;
                start(io, peer, by, &reception, &tasks, &ids);
            }
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                reception.metrics.limited(Limit::OpenFiles);
                emit(Level::ERROR, "accept_failed", &AcceptFailed::new(&error, pause));
                sleep(pause).await;
                pause = (pause * 2).min(BACKOFF.1);
            }
        }
    }
    // Their senders have been told they are connected. The kernel itself is asked: what the runtime
    // knows of the socket is as old as its last turn.
    let Ok(listener) = listener.into_std() else { return };
    loop {
        match listener.accept().and_then(|(io, peer)| Ok((unblocked(io)?, peer))) {
            Ok((io, peer)) => start(io, peer, by, &reception, &tasks, &ids),
            Err(error) if is_connection_error(&error) => {}
            Err(_) => return,
        }
    }
}

fn unblocked(io: StdStream) -> io::Result<TcpStream> {
    io.set_nonblocking(true)?;
    TcpStream::from_std(io)
}

/// What a connection came by.
#[derive(Clone, Copy)]
struct By {
    address: SocketAddr,
    introduced: bool,
}

fn start(
    io: TcpStream,
    peer: SocketAddr,
    By { address: listener, introduced }: By,
    reception: &Arc<Reception>,
    tasks: &Tasks,
    ids: &Ids,
) {
    // Answers are written whole; waiting for more to fill a segment only delays them.
    let _ = io.set_nodelay(true);
    let local = io.local_addr().unwrap_or(listener);
    let (id, at) = (ids.next(), Instant::now());
    let accepted = Accepted { io, peer, local, listener, introduced, id, at };
    // Behind a load balancer all come from one address.
    let source = (!introduced).then(|| peer.ip());
    let place = match reception.capacity.take(source) {
        Ok(place) => place,
        Err(limit) => return reception.turn_away(accepted, limit),
    };
    let reception = Arc::clone(reception);
    tasks.spawn(async move {
        reception.receive(accepted).await;
        drop(place);
    });
}

/// Errors of `accept` that concern one connection, not the listener.
fn is_connection_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

#[derive(Serialize)]
struct AcceptFailed {
    detail: String,
    hint: &'static str,
    pause_ms: u128,
}

impl AcceptFailed {
    fn new(error: &io::Error, pause: Duration) -> Self {
        Self {
            detail: error.to_string(),
            hint: "out of file descriptors? raise the limit (ulimit -n, LimitNOFILE); connections that are open live on",
            pause_ms: pause.as_millis(),
        }
    }
}
