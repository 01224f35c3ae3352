//! What the tests are made of: certificates, a gate, senders, upstreams.

pub mod backend;
pub mod gate;
pub mod h2;
pub mod pki;
pub mod plain;
pub mod relay;
pub mod sender;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

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

/// An address at which nobody listens; somebody may take it meanwhile.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
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
