//! What the tests are made of: certificates, a clawgate, clients, upstreams.

pub mod backend;
pub mod client;
pub mod frames;
pub mod h2;
pub mod hostile;
pub mod log_page;
pub mod pki;
pub mod plain;
pub mod process;
pub mod relay;

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls `probe` until it gives something.
///
/// # Panics
/// After [`PATIENCE`], naming what was waited for.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A port at which nobody listens, and which is given to no one else by chance while this lives:
/// its socket is bound, but does not listen. Who names the port gets it all the same, as long as
/// that socket has `SO_REUSEADDR`, too.
pub struct Nobody {
    socket: Socket,
    address: SocketAddr,
}

pub fn nobody() -> Nobody {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    Nobody { socket, address }
}

impl Nobody {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Somebody comes.
    pub fn listen(self) -> TcpListener {
        self.socket.listen(128).unwrap();
        self.socket.into()
    }
}

impl fmt::Display for Nobody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// Lets `time` pass, for what is about time itself.
pub fn pass(time: Duration) {
    let end = Instant::now() + time;
    eventually("time to pass", || (Instant::now() >= end).then_some(()));
}

/// Holds threads back until it is opened. Clones belong together.
#[derive(Clone, Default)]
pub struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn wait(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |open| !*open).unwrap());
    }
}
