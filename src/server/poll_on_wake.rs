//! A future for rare events, polled beside one that is woken often.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Polls its future only when that future was woken, and not whenever its task was.
///
/// A connection's task is woken for each piece of each request. The timers, drains and reloads that it also waits for need
/// not be polled each time.
#[derive(Debug)]
pub(super) struct WakeGated<F> {
    future: F,
    flag: Arc<FlagWaker>,
    /// Wakes `flag`.
    waker: Waker,
    /// The task that `flag` wakes.
    task: Option<Waker>,
}

#[derive(Debug)]
struct FlagWaker {
    is_set: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl<F: Future + Unpin> WakeGated<F> {
    pub(super) fn new(future: F) -> Self {
        // Set, so that the future is polled a first time.
        let flag = Arc::new(FlagWaker { is_set: AtomicBool::new(true), task: Mutex::new(None) });
        Self { future, waker: Waker::from(Arc::clone(&flag)), flag, task: None }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
            self.flag.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.task);
        }
        if !self.flag.is_set.load(Ordering::Relaxed) || !self.flag.is_set.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        Pin::new(&mut self.future).poll(&mut Context::from_waker(&self.waker))
    }
}

impl Wake for FlagWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        // After the flag: a task that polls at this very moment finds the flag set, or is woken.
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Notify;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Counts(AtomicUsize);

    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn is_polled_once_and_then_only_when_woken() {
        let mut polls = 0;
        let mut kept = None;
        let counts = Arc::new(Counts::default());
        let waker = Waker::from(Arc::clone(&counts));
        let cx = &mut Context::from_waker(&waker);
        let mut gated = WakeGated::new(poll_fn(|cx: &mut Context<'_>| {
            polls += 1;
            kept = Some(cx.waker().clone());
            if polls == 2 { Poll::Ready(polls) } else { Poll::Pending }
        }));
        assert!((0..5).all(|_| gated.poll(cx).is_pending()));
        let WakeGated { future, flag, waker, task } = gated;
        drop(future);
        assert_eq!(polls, 1);
        kept.take().unwrap().wake();
        assert_eq!(counts.0.load(Ordering::Relaxed), 1);
        let ready = poll_fn(|_| Poll::Ready(2));
        assert_eq!(WakeGated { future: ready, flag, waker, task }.poll(cx), Poll::Ready(2));
    }

    #[test]
    fn wakes_the_task_that_polled_it_last() {
        let notify = Notify::new();
        let mut notified = pin!(notify.notified());
        let mut gated = WakeGated::new(notified.as_mut());
        let (first, second) = (Arc::new(Counts::default()), Arc::new(Counts::default()));
        for counts in [&first, &second] {
            let waker = Waker::from(Arc::clone(counts));
            assert!(gated.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        notify.notify_waiters();
        assert_eq!(first.0.load(Ordering::Relaxed), 0);
        assert_eq!(second.0.load(Ordering::Relaxed), 1);
        let waker = Waker::from(second);
        assert!(gated.poll(&mut Context::from_waker(&waker)).is_ready());
    }
}
