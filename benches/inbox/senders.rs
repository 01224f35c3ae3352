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

    /// The process that stores them, if it is another one.
    fn server(&self) -> Option<u32> {
        None
    }
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
    /// CPU time of an event in this process, with its sender, in microseconds.
    pub(crate) cpu: f64,
    /// The same in the process that stores it, if that is another one.
    pub(crate) server_cpu: f64,
}

/// Lets so many senders store events for this time.
pub(crate) fn measure<T: Target>(target: &T, size: usize, senders: usize, time: Duration) -> Rate {
    let body = Bytes::from(vec![b'x'; size]);
    let waits = Rc::new(RefCell::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = LocalSet::new();
    let cpu_before = (cpu("self"), target.server().map_or(0.0, |pid| cpu(&pid.to_string())));
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
    let cpu_after = (cpu("self"), target.server().map_or(0.0, |pid| cpu(&pid.to_string())));
    let mut waits = waits.borrow_mut();
    waits.sort_unstable();
    let at = |part: f64| {
        let index = (waits.len() as f64 * part) as usize;
        waits.get(index.min(waits.len().saturating_sub(1))).map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
    };
    let of_one = |seconds: f64| seconds * 1e6 / waits.len().max(1) as f64;
    Rate {
        events: waits.len() as f64 / took,
        p50: at(0.5),
        p99: at(0.99),
        max: at(1.0),
        cpu: of_one(cpu_after.0 - cpu_before.0),
        server_cpu: of_one(cpu_after.1 - cpu_before.1),
    }
}

/// CPU time that a process has used, in seconds (proc_pid_stat(5)).
fn cpu(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name before may have blanks.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}
