//! Listening sockets: one of each address for every worker (SO_REUSEPORT), and the accept loop.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tracing::Level;

use super::connection::ConnectionHandler;
use crate::connection::ConnectionInfo;
use crate::shutdown::Tasks;
use crate::telemetry::{Limit, emit};
use crate::tls::Accepted;
use crate::wording;

/// Connections the kernel holds for a worker that is busy.
const BACKLOG: i32 = 1024;
/// Pauses after a failed accept (out of file descriptors, as a rule): doubled up to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));
/// How long a TCP handshake that has begun may take until its end, when clawgate stops listening.
const HALF_OPEN: Duration = Duration::from_millis(100);

/// Binds `address` once for each of `workers`; with port 0 all get the same free port. With `takeover`
/// another gate may have it too: the kernel spreads new connections over both until that one ends.
///
/// # Errors
/// When somebody listens there already, the address is not this machine's, and the like.
pub fn bind(address: SocketAddr, workers: usize, takeover: bool) -> io::Result<Vec<StdListener>> {
    if address.port() != 0 && !takeover {
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
        // Defined here, since Linux leaves it to net.ipv6.bindv6only: [::] and 0.0.0.0 are two addresses.
        socket.set_only_v6(true)?;
    }
    if share {
        socket.set_reuse_port(true)?;
    }
    // Answers are written whole; waiting for more to fill a segment only delays them. What is accepted has it from
    // the listening socket.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Makes identifiers of connections: unique among those of one start of clawgate, and hardly ever
/// those of another.
#[derive(Debug)]
pub struct ConnectionIds {
    prefix: String,
    next: AtomicU64,
}

impl ConnectionIds {
    /// `prefix` tells starts and workers apart.
    pub fn new(prefix: String) -> Self {
        Self { prefix, next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{}{:x}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// A listening socket of one worker.
#[derive(Debug)]
pub struct ListenSocket {
    /// The socket.
    pub socket: StdListener,
    /// Whether each connection must begin with a PROXY header.
    pub expects_proxy_header: bool,
    /// Whether another process has the very same socket, so that it stays when this one ends.
    pub shared: bool,
}

/// Accepts until clawgate drains; then takes what the kernel holds already, and closes the socket.
pub async fn run(
    door: ListenSocket,
    reception: Arc<ConnectionHandler>,
    tasks: Tasks,
    ids: Arc<ConnectionIds>,
) {
    let ListenSocket { socket, expects_proxy_header, shared } = door;
    // A bound socket has an address, and it is not blocking.
    let (Ok(address), Ok(listener)) = (socket.local_addr(), TcpListener::from_std(socket)) else {
        tracing::error!("a worker could not use its socket");
        return;
    };
    let entrance = AcceptLoop { address, expects_proxy_header, shared, reception, tasks, ids };
    entrance.accept_until(&listener, entrance.reception.drain.begun()).await;
    if !shared && let Ok(()) = refuse_new(&listener) {
        // Those whose handshake has begun come to their end.
        entrance.accept_until(&listener, sleep(HALF_OPEN)).await;
    }
    // Their clients have been told they are connected. The kernel itself is asked: what the runtime
    // knows of the socket is as old as its last turn.
    let Ok(listener) = listener.into_std() else { return };
    loop {
        match listener.accept().and_then(|(io, peer)| Ok((unblocked(io)?, peer))) {
            Ok((io, peer)) => entrance.start(io, peer),
            Err(error) if is_connection_error(&error) => {}
            Err(_) => return,
        }
    }
}

/// Where connections of one listening socket come in.
struct AcceptLoop {
    /// The socket's.
    address: SocketAddr,
    expects_proxy_header: bool,
    shared: bool,
    reception: Arc<ConnectionHandler>,
    tasks: Tasks,
    ids: Arc<ConnectionIds>,
}

impl AcceptLoop {
    async fn accept_until(&self, listener: &TcpListener, end: impl Future<Output = ()>) {
        let mut pause = BACKOFF.0;
        let mut end = std::pin::pin!(end);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut end => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((io, peer)) => {
                    pause = BACKOFF.0;
                    self.start(io, peer);
                }
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    self.reception.metrics.limited(Limit::OpenFiles);
                    emit(Level::ERROR, "accept_failed", &AcceptFailed::new(&error, pause));
                    sleep(pause).await;
                    pause = (pause * 2).min(BACKOFF.1);
                }
            }
        }
    }

    fn start(&self, io: TcpStream, peer: SocketAddr) {
        if self.shared {
            // Who opened the socket has not set it, as a rule.
            let _ = io.set_nodelay(true);
        }
        let listener = self.address;
        let local_addr = match listener.ip().is_unspecified() {
            true => io.local_addr().unwrap_or(listener),
            false => listener,
        };
        let connection = ConnectionInfo {
            id: self.ids.next(),
            client_addr: peer,
            proxy_addr: self.expects_proxy_header.then_some(peer),
            local_addr,
            accepted_at: Instant::now(),
        };
        let accepted = Accepted { io, connection, listener };
        // The load balancer's address is not counted: the PROXY header has the client's.
        let source = (!self.expects_proxy_header).then(|| peer.ip());
        let place = match self.reception.capacity.take(source) {
            Ok(place) => place,
            Err(limit) => return self.reception.turn_away(accepted, limit),
        };
        let reception = Arc::clone(&self.reception);
        self.tasks.spawn(async move { reception.receive(accepted, place).await });
    }
}

/// Drops what would open a connection on this socket, and nothing else: when a socket of several on one
/// address is closed, the kernel resets what came between the last `accept` and that. A client whose SYN is
/// dropped sends it again, a second later, and gets to the socket of clawgate that takes over.
fn refuse_new(listener: &TcpListener) -> io::Result<()> {
    const FLAGS: u32 = 13; // their place in the TCP header, RFC 9293 section 3.1
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    // Classic BPF: load the flags, mask them, and drop if they are SYN alone.
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(0x30, 0, 0, FLAGS),
        SockFilter::new(0x54, 0, 0, SYN | ACK),
        SockFilter::new(0x15, 0, 1, SYN),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ])
}

fn unblocked(io: StdStream) -> io::Result<TcpStream> {
    io.set_nonblocking(true)?;
    TcpStream::from_std(io)
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
            detail: wording::io(error),
            hint: "out of file descriptors? raise the limit (ulimit -n, LimitNOFILE); connections that are open live on",
            pause_ms: pause.as_millis(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_sends_without_delay_whenever_it_was_connected() {
        let sockets = bind(([127, 0, 0, 1], 0).into(), 2, false).unwrap();
        let address = sockets[0].local_addr().unwrap();
        // Before anybody accepts.
        let _sender = StdStream::connect(address).unwrap();
        let accepted = std::iter::repeat_with(|| sockets.iter().find_map(|socket| socket.accept().ok()));
        let (io, _) = accepted.take(100_000).flatten().next().unwrap();
        assert!(io.nodelay().unwrap());
    }
}
