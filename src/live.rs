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

    /// Tells of the present value and of each that replaces it.
    ///
    /// The present one is told of, too, since the watcher may act on one that was loaded before.
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
    fn a_watcher_hears_of_what_was_replaced_before_it_watched() {
        let live = Live::new(1);
        let loaded = live.load();
        live.replace(2);
        let watcher = live.watch();
        assert!(watcher.has_changed().unwrap());
        assert_eq!((*loaded, *live.load()), (1, 2));
    }
}
