//! Messages between the processes that use one store.

use std::fmt;

use bytes::Bytes;
use tokio::sync::mpsc;

/// The largest message, in bytes. Larger ones of other processes are left out.
pub const MAX_PEER_MESSAGE: usize = 512 * 1024;
/// How many messages wait in each direction. When there are more, messages are lost.
const WAITING: usize = 64;

/// Carries messages to the other processes that use the same store, and from them. Messages may be lost: nothing that must happen may
/// depend on one.
pub struct Peers {
    /// Takes messages for all other processes.
    pub tell: mpsc::Sender<Bytes>,
    /// Gives the messages of the others, each at most [`MAX_PEER_MESSAGE`] bytes. They may say anything: other programs can write
    /// them, too. It ends with the store.
    pub told: mpsc::Receiver<Bytes>,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}

/// The store's side of [`Peers`].
#[derive(Debug)]
pub struct PeersOfStore {
    /// The messages for the others.
    pub tell: mpsc::Receiver<Bytes>,
    /// Takes what the others have told.
    pub told: mpsc::Sender<Bytes>,
}

impl Peers {
    /// Both sides.
    pub fn new() -> (Self, PeersOfStore) {
        let (tell, to_tell) = mpsc::channel(WAITING);
        let (hear, told) = mpsc::channel(WAITING);
        (Self { tell, told }, PeersOfStore { tell: to_tell, told: hear })
    }
}
