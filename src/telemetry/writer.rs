//! Writes log lines: any thread adds them to a buffer, and one thread writes the buffer.
//!
//! If workers wrote the lines, each line would take a system call, and a slow reader of the log would block the worker.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a line waits for further lines, so that one system call writes all of them.
const GATHER: Duration = Duration::from_millis(5);
/// When the buffer has this many bytes, it is written at once.
const BATCH: usize = 64 * 1024;
/// The size of the buffer for a slow reader, in bytes. If it is full, lines of the access log are dropped and counted.
const LIMIT: usize = 4 * 1024 * 1024;
/// Additional bytes that only lines outside of the access log may use.
const RESERVE: usize = 2 * 1024 * 1024;

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// A line of the access log: it may wait, and is dropped first.
    Light,
    /// It may wait.
    Usual,
    /// It is written at once, with all lines before it.
    Heavy,
}

/// Which thread writes the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// No thread yet: the lines stay in the buffer.
    #[default]
    Kept,
    /// The writer's own thread.
    Thread,
    /// The thread that logs the line, because the writer's thread could not be started.
    Direct,
}

/// The buffer for lines. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Writer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when there are lines to write.
    more: Condvar,
    /// Notified when all lines are written.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    lines: Vec<u8>,
    /// Whether the lines must not wait any longer.
    urgent: bool,
    /// Whether the thread waits for a first line.
    asleep: bool,
    /// Whether the thread has taken lines that it has not written yet.
    writing: bool,
    /// How many lines were dropped.
    dropped: u64,
}

impl Writer {
    /// A writer that keeps lines in its buffer until `start` is called.
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Starts the thread, which writes to `out`, beginning with the lines in the buffer. `lost` makes the line that
    /// reports a number of dropped lines. If the thread cannot be started, each thread writes its own lines.
    pub(super) fn start(
        &self,
        mut out: impl Write + Send + 'static,
        lost: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) {
        let thread = Arc::clone(&self.0);
        let run = move || {
            let mut lines = Vec::with_capacity(BATCH);
            loop {
                let dropped = thread.gather(&mut lines);
                // A closed stdout must not end clawgate, so the error is ignored.
                let _ = out.write_all(&lines).and_then(|()| out.flush());
                if dropped > 0 {
                    let _ = out.write_all(&lost(dropped)).and_then(|()| out.flush());
                }
                lines.clear();
                lines.shrink_to(BATCH);
            }
        };
        self.0.state().mode = Mode::Thread;
        if thread::Builder::new().name("log".to_owned()).spawn(run).is_err() {
            self.write_here();
        }
    }

    /// Writes the lines in the buffer. From now on each thread writes its own lines.
    fn write_here(&self) {
        let mut state = self.0.state();
        state.mode = Mode::Direct;
        let mut out = std::io::stdout().lock();
        // A closed stdout must not end clawgate, so the error is ignored.
        let _ = out.write_all(&std::mem::take(&mut state.lines)).and_then(|()| out.flush());
    }

    /// Adds a line, which must end in a newline. With the writer's thread it never waits for the reader
    /// of the log.
    pub(super) fn put(&self, line: &[u8], weight: Priority) {
        let mut state = self.0.state();
        if state.mode == Mode::Direct {
            let _ = std::io::stdout().lock().write_all(line);
            return;
        }
        let limit = if weight == Priority::Light { LIMIT } else { LIMIT + RESERVE };
        if state.lines.len() + line.len() > limit {
            state.dropped += 1;
            return;
        }
        state.lines.extend_from_slice(line);
        let urgent = weight == Priority::Heavy || state.lines.len() >= BATCH;
        let became_urgent = urgent && !state.urgent;
        state.urgent |= urgent;
        if std::mem::take(&mut state.asleep) || became_urgent {
            drop(state);
            self.0.more.notify_one();
        }
    }

    /// Waits until all lines are written, but no longer than `max_wait`.
    pub(super) fn flush(&self, max_wait: Duration) {
        if self.0.state().mode != Mode::Thread {
            return self.write_here();
        }
        let end = Instant::now() + max_wait;
        let mut state = self.0.state();
        state.urgent = true;
        self.0.more.notify_one();
        while state.writing || !state.lines.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (state, _) = self.0.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    /// Waits for a line, and up to [`GATHER`] for further ones. Moves them to `lines`, and returns how many were
    /// dropped.
    fn gather(&self, lines: &mut Vec<u8>) -> u64 {
        let mut state = self.state();
        state.writing = false;
        if state.lines.is_empty() {
            self.done.notify_all();
        }
        while state.lines.is_empty() {
            state.asleep = true;
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.asleep = false;
        let end = Instant::now() + GATHER;
        while !state.urgent {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            (state, _) = self.more.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.lines, lines);
        state.urgent = false;
        state.writing = true;
        std::mem::take(&mut state.dropped)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// A reader that continues only when the test tells it to.
    struct Reader {
        may: Receiver<()>,
        read: Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.may.recv().map_err(io::Error::other)?;
            let _ = self.read.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn writer() -> (Writer, Sender<()>, Receiver<Vec<u8>>) {
        let ((go, may), (read, was_read)) = (channel(), channel());
        let lost = |count| format!("lost {count}\n").into_bytes();
        let writer = Writer::new();
        writer.start(Reader { may, read }, lost);
        (writer, go, was_read)
    }

    fn numbers(text: &[u8]) -> Vec<usize> {
        std::str::from_utf8(text).unwrap().lines().map(|line| line.trim().parse().unwrap()).collect()
    }

    #[test]
    fn lines_of_several_threads_are_written_whole_and_in_order_for_each_thread() {
        let (writer, go, read) = writer();
        thread::scope(|scope| {
            for number in 0..4 {
                let writer = writer.clone();
                scope.spawn(move || {
                    for line in 0..500 {
                        writer.put(format!("{}\n", number * 1000 + line).as_bytes(), Priority::Light);
                    }
                });
            }
        });
        for _ in 0..3000 {
            go.send(()).unwrap();
        }
        writer.flush(TIMEOUT);
        let all = numbers(&read.try_iter().flatten().collect::<Vec<_>>());
        assert_eq!(all.len(), 2000);
        for number in 0..4 {
            let own: Vec<_> = all.iter().filter(|line| *line / 1000 == number).collect();
            assert!(own.is_sorted() && own.len() == 500);
        }
    }

    #[test]
    fn while_the_reader_is_blocked_only_light_lines_are_dropped_and_their_number_is_reported() {
        let (writer, go, read) = writer();
        let light = [vec![b'1'; 1023], vec![b'\n']].concat();
        // Twice the limit, because the writer's thread may already have taken one full buffer.
        let count = LIMIT / 1024 * 2 + 200;
        for _ in 0..count {
            writer.put(&light, Priority::Light);
        }
        writer.put(b"2\n", Priority::Heavy);
        for _ in 0..5 {
            go.send(()).unwrap();
        }
        drop(go);
        writer.flush(TIMEOUT);
        let text = String::from_utf8(read.try_iter().flatten().collect()).unwrap();
        let kept = text.lines().filter(|line| line.starts_with('1')).count();
        // Each batch reports dropped lines: there are two reports if the reader took a batch in between.
        let told: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("lost ")).collect();
        let lost: usize = told.iter().map(|lost| lost.parse::<usize>().unwrap()).sum();
        assert!(!told.is_empty());
        assert_eq!(kept + lost, count);
        assert!(kept >= LIMIT / 1024 - 1, "{kept}");
        assert!(text.lines().any(|line| line == "2"));
    }

    #[test]
    fn lines_logged_before_the_start_are_written_first() {
        let ((go, may), (read, was_read)) = (channel(), channel());
        let writer = Writer::new();
        writer.put(b"1\n", Priority::Usual);
        writer.start(Reader { may, read }, |_| Vec::new());
        writer.put(b"2\n", Priority::Heavy);
        for _ in 0..2 {
            go.send(()).unwrap();
        }
        writer.flush(TIMEOUT);
        assert_eq!(numbers(&was_read.try_iter().flatten().collect::<Vec<_>>()), [1, 2]);
    }

    #[test]
    fn a_flush_waits_for_a_blocked_reader_only_until_its_deadline() {
        let (writer, _go, _read) = writer();
        writer.put(b"1\n", Priority::Usual);
        let start = Instant::now();
        writer.flush(Duration::from_millis(50));
        assert!(start.elapsed() < TIMEOUT);
    }

    #[test]
    fn a_closed_output_does_not_stop_the_writer() {
        let (writer, go, _) = writer();
        drop(go);
        for _ in 0..3 {
            writer.put(b"1\n", Priority::Heavy);
            writer.flush(TIMEOUT);
        }
    }
}
