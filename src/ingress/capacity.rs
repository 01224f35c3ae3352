//! How many connections may be open at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The places of a gate; clones are the same places.
#[derive(Clone, Debug)]
pub struct Capacity {
    taken: Arc<AtomicUsize>,
    limit: usize,
}

/// One place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Capacity {
    /// Room for `limit` connections, handshakes included.
    pub fn new(limit: usize) -> Self {
        Self { taken: Arc::default(), limit }
    }

    /// How many that is.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A place, if one is free.
    pub(super) fn take(&self) -> Option<Place> {
        // The place is made first, so that it is given back whichever way this ends.
        let place = Place(Arc::clone(&self.taken));
        (self.taken.fetch_add(1, Ordering::Relaxed) < self.limit).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_given_back_can_be_taken_again() {
        let capacity = Capacity::new(2);
        let first = capacity.take();
        let second = capacity.take();
        assert!(first.is_some() && second.is_some());
        assert!(capacity.take().is_none());
        drop(first);
        assert!(capacity.take().is_some());
    }
}
