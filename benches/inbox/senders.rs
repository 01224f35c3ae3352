//! Senders that store one event after the other, and how long each of them waits.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::LocalSet;

/// What stores events.
pub(crate) trait Target: Clone + 'static {
    /// Stores one event. Returns when it is on the disk.
    fn store(&self, number: u64, body: Bytes) -> impl Future<Output = ()>;
}

/// How fast events were stored.
pub(crate) struct Rate {
    /// In a second.
    pub(crate) events: f64,
    /// Half of the senders waited at most this long, in milliseconds.
    pub(crate) p50: f64,
    /// 99 of 100 waited at most this long.
    pub(crate) p99: f64,
    /// The longest wait.
    pub(crate) max: f64,
}

/// Lets so many senders store events for this time.
pub(crate) fn measure<T: Target>(target: &T, size: usize, senders: usize, time: Duration) -> Rate {
    let body = Bytes::from(vec![b'x'; size]);
    let waits = Rc::new(RefCell::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = LocalSet::new();
    let begin = Instant::now();
    for sender in 0..senders {
        let (target, body, waits) = (target.clone(), body.clone(), Rc::clone(&waits));
        local.spawn_local(async move {
            let mut number = u64::try_from(sender).unwrap() << 32;
            while begin.elapsed() < time {
                let sent = Instant::now();
                target.store(number, body.clone()).await;
                waits.borrow_mut().push(sent.elapsed());
                number += 1;
            }
        });
    }
    runtime.block_on(local);
    let took = begin.elapsed().as_secs_f64();
    let mut waits = waits.borrow_mut();
    waits.sort_unstable();
    let at = |part: f64| {
        let index = (waits.len() as f64 * part) as usize;
        waits.get(index.min(waits.len().saturating_sub(1))).map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
    };
    Rate { events: waits.len() as f64 / took, p50: at(0.5), p99: at(0.99), max: at(1.0) }
}
