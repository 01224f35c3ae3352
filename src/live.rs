//! A value that is replaced as a whole while it is in use.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

/// The present value. Whoever has loaded it keeps it, whole and unchanged, for as long as it is needed.
#[derive(Debug)]
pub struct Live<T> {
    value: ArcSwap<T>,
    replaced: watch::Sender<()>,
}

impl<T> Live<T> {
    /// Begins with `value`.
    pub fn new(value: T) -> Self {
        Self { value: ArcSwap::from_pointee(value), replaced: watch::Sender::new(()) }
    }

    /// The present value; takes no lock.
    pub fn load(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Puts `value` in the place of the present one, and tells those who watch.
    pub fn replace(&self, value: T) {
        self.value.store(Arc::new(value));
        self.replaced.send_replace(());
    }

    /// Tells of replacements from now on.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.replaced.subscribe()
    }
}
