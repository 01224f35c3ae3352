//! Listening sockets, one for each address and worker (SO_REUSEPORT), and the accept loop.
//!
//! Comes in: addresses to bind, or sockets of the service manager. Goes out: accepted connections, to the
//! [`ConnectionHandler`].

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
use crate::connection::{ClientAuth, ConnectionInfo};
use crate::shutdown::Tasks;
use crate::telemetry::{Limit, emit};
use crate::tls::Accepted;
use crate::wording;

/// Connections that the kernel queues for a busy worker.
const BACKLOG: i32 = 1024;
/// First pause after a failed accept, which usually means that no file descriptor is left; doubled after each failure.
const MIN_BACKOFF: Duration = Duration::from_millis(5);
/// The longest such pause.
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// How long a TCP handshake in progress may take when clawgate stops listening.
const TCP_HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(100);

/// Binds `address` once for each of `workers`; with port 0 all get the same free port. With `takeover` another clawgate may
/// listen on it too: the kernel distributes new connections over both until that one ends.
///
/// # Errors
/// When the address is in use, is not an address of this machine, and the like.
pub fn bind(address: SocketAddr, workers: usize, takeover: bool) -> io::Result<Vec<StdListener>> {
    if address.port() != 0 && !takeover {
        // With SO_REUSEPORT a second clawgate could bind the address too; a socket without it is refused.
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
        // Otherwise net.ipv6.bindv6only decides: [::] and 0.0.0.0 are two addresses.
        socket.set_only_v6(true)?;
    }
    if share {
        socket.set_reuse_port(true)?;
    }
    // Answers are written as a whole, and waiting for a full segment only delays them. Accepted sockets inherit this option.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Makes the identifiers of connections: unique in one run of clawgate, and very probably among all runs.
#[derive(Debug)]
pub struct ConnectionIds {
    prefix: String,
    next: AtomicU64,
}

impl ConnectionIds {
    /// `prefix` differs for each run and worker.
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
    /// What it expects of its clients.
    pub kind: ListenerKind,
    /// Whether another process has the same socket, so that it stays open when this process ends.
    pub shared: bool,
}

/// What a listener expects of its clients.
#[derive(Clone, Copy, Debug)]
pub struct ListenerKind {
    /// Whether each connection must begin with a PROXY header.
    pub expects_proxy_header: bool,
    /// Whether clients need a certificate.
    pub client_auth: ClientAuth,
}

/// Accepts until clawgate drains; then accepts what the kernel has queued, and closes the socket.
pub async fn run(
    socket: ListenSocket,
    handler: Arc<ConnectionHandler>,
    tasks: Tasks,
    ids: Arc<ConnectionIds>,
) {
    let ListenSocket { socket, kind, shared } = socket;
    // Fails for no bound, non-blocking socket.
    let (Ok(address), Ok(listener)) = (socket.local_addr(), TcpListener::from_std(socket)) else {
        tracing::error!("a worker could not use its socket");
        return;
    };
    let accept_loop = AcceptLoop { address, kind, shared, handler, tasks, ids };
    accept_loop.accept_until(&listener, accept_loop.handler.drain.begun()).await;
    if !shared && let Ok(()) = refuse_new(&listener) {
        // TCP handshakes in progress can still end.
        accept_loop.accept_until(&listener, sleep(TCP_HANDSHAKE_TIMEOUT)).await;
    }
    // The clients of queued connections are connected already. The kernel is asked, since the runtime's state of the socket
    // may be old.
    let Ok(listener) = listener.into_std() else { return };
    loop {
        match listener.accept().and_then(|(io, client_addr)| Ok((nonblocking(io)?, client_addr))) {
            Ok((io, client_addr)) => accept_loop.start(io, client_addr),
            Err(error) if is_connection_error(&error) => {}
            Err(_) => return,
        }
    }
}

/// Accepts connections on one listening socket.
struct AcceptLoop {
    /// The address of the socket.
    address: SocketAddr,
    kind: ListenerKind,
    shared: bool,
    handler: Arc<ConnectionHandler>,
    tasks: Tasks,
    ids: Arc<ConnectionIds>,
}

impl AcceptLoop {
    async fn accept_until(&self, listener: &TcpListener, end: impl Future<Output = ()>) {
        let mut pause = MIN_BACKOFF;
        let mut end = std::pin::pin!(end);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut end => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((io, client_addr)) => {
                    pause = MIN_BACKOFF;
                    self.start(io, client_addr);
                }
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    self.handler.metrics.limited(Limit::OpenFiles);
                    emit(Level::ERROR, "accept_failed", &AcceptFailed::new(&error, pause));
                    sleep(pause).await;
                    pause = (pause * 2).min(MAX_BACKOFF);
                }
            }
        }
    }

    fn start(&self, io: TcpStream, client_addr: SocketAddr) {
        if self.shared {
            // Usually not set by the process that opened the listening socket.
            let _ = io.set_nodelay(true);
        }
        let listener = self.address;
        let local_addr = match listener.ip().is_unspecified() {
            true => io.local_addr().unwrap_or(listener),
            false => listener,
        };
        let connection = ConnectionInfo {
            id: self.ids.next(),
            client_addr,
            proxy_addr: self.kind.expects_proxy_header.then_some(client_addr),
            local_addr,
            accepted_at: Instant::now(),
        };
        let accepted = Accepted { io, connection, listener, client_auth: self.kind.client_auth };
        // The load balancer's address is not counted: the PROXY header has the client's.
        let source = (!self.kind.expects_proxy_header).then(|| client_addr.ip());
        let permit = match self.handler.connection_limiter.admit(source) {
            Ok(permit) => permit,
            Err(limit) => return self.handler.reject(&accepted.connection, limit),
        };
        let handler = Arc::clone(&self.handler);
        self.tasks.spawn(async move { handler.handle(accepted, permit).await });
    }
}

/// Drops the packets that would open a connection on this socket, and no others.
///
/// When one of several sockets on an address is closed, the kernel resets the connections that came after the last `accept`.
/// A client whose SYN was dropped sends it again after a second, and is then connected to the clawgate that takes over.
fn refuse_new(listener: &TcpListener) -> io::Result<()> {
    const FLAGS: u32 = 13; // offset in the TCP header, RFC 9293 section 3.1
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

fn nonblocking(io: StdStream) -> io::Result<TcpStream> {
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
            hint: "out of file descriptors? raise the limit (ulimit -n, LimitNOFILE); open connections are not affected",
            pause_ms: pause.as_millis(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_socket_sends_without_delay_also_when_it_was_connected_before_accept() {
        let sockets = bind(([127, 0, 0, 1], 0).into(), 2, false).unwrap();
        let address = sockets[0].local_addr().unwrap();
        // Connected before `accept`.
        let _client = StdStream::connect(address).unwrap();
        let accepted = std::iter::repeat_with(|| sockets.iter().find_map(|socket| socket.accept().ok()));
        let (io, _) = accepted.take(100_000).flatten().next().unwrap();
        assert!(io.nodelay().unwrap());
    }
}
