//! A value that is replaced as a whole while it is in use. Imports nothing of clawgate.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

/// The current value. A value that was loaded stays unchanged for as long as it is held.
#[derive(Debug)]
pub struct Live<T> {
    value: ArcSwap<T>,
    replaced: watch::Sender<()>,
}

impl<T> Live<T> {
    /// Starts with `value`.
    pub fn new(value: T) -> Self {
        Self { value: ArcSwap::from_pointee(value), replaced: watch::Sender::new(()) }
    }

    /// The current value; takes no lock.
    pub fn load(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Replaces the current value, and notifies the watchers.
    pub fn replace(&self, value: T) {
        self.value.store(Arc::new(value));
        self.replaced.send_replace(());
    }

    /// Notifies of each value that replaces the current one.
    ///
    /// Notifies of the current value too, since the caller may still use one that it loaded before.
    pub fn watch(&self) -> watch::Receiver<()> {
        let mut watcher = self.replaced.subscribe();
        watcher.mark_changed();
        watcher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_is_notified_of_a_value_that_was_replaced_before_it_watched() {
        let live = Live::new(1);
        let loaded = live.load();
        live.replace(2);
        let watcher = live.watch();
        assert!(watcher.has_changed().unwrap());
        assert_eq!((*loaded, *live.load()), (1, 2));
    }
}
