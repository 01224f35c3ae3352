//! What tests are made of: certificates, a running clawgate, clients and upstreams.

pub mod backend;
pub mod client;
pub mod frames;
pub mod h2;
pub mod hostile;
pub mod log_page;
#[cfg(feature = "jetstream")]
pub mod nats;
pub mod pki;
pub mod plain;
pub mod process;
pub mod redact;
pub mod relay;

use std::fmt;
use std::fs::Permissions;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Polls `probe` until it gives something.
///
/// # Panics
/// After [`TIMEOUT`], naming what was waited for.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < TIMEOUT, "waited {TIMEOUT:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A new folder that only its owner may use, as the inbox asks for it.
pub fn private_folder() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

/// A port on which nothing listens, and which the system gives to no other socket while this value lives: a socket is
/// bound to it, but does not listen. A socket with `SO_REUSEADDR` that asks for this very port still gets it.
pub struct UnusedPort {
    socket: Socket,
    address: SocketAddr,
}

pub fn unused_port() -> UnusedPort {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    UnusedPort { socket, address }
}

impl UnusedPort {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens on the port.
    pub fn listen(self) -> TcpListener {
        self.socket.listen(128).unwrap();
        self.socket.into()
    }
}

impl fmt::Display for UnusedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// Does nothing for `time`, as a peer that is slow or silent does. Not for waiting until something has happened: that
/// is [`eventually`].
pub fn stay_silent(time: Duration) {
    std::thread::sleep(time);
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
