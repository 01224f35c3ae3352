//! Log lines on their way out: gathered by whoever logs, written by a thread of its own.
//!
//! A worker that wrote by itself would pay a system call for each line, and would stand still for as long as
//! whoever reads the log does.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long lines may wait for others to go out with them.
const GATHER: Duration = Duration::from_millis(5);
/// Bytes that are not gathered any longer.
const BATCH: usize = 64 * 1024;
/// Bytes that wait at most for a reader that does not read: further lines of the access log are dropped
/// and counted.
const LIMIT: usize = 4 * 1024 * 1024;
/// For all other lines there is more room.
const RESERVE: usize = 2 * 1024 * 1024;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// One of very many: may wait, and is the first to be dropped.
    Light,
    /// May wait.
    Usual,
    /// Goes out at once, with all that was before it.
    Heavy,
}

/// Who writes the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    /// Nobody yet: they are kept.
    #[default]
    Kept,
    /// The thread.
    Thread,
    /// Whoever puts them, since there is no thread to be had.
    Direct,
}

/// Where lines are put; clones are the same place.
#[derive(Clone, Debug)]
pub(super) struct Writer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    more: Condvar,
    /// All was written.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    lines: Vec<u8>,
    /// Not to be gathered any longer.
    urgent: bool,
    /// The thread waits for a first line.
    asleep: bool,
    /// The thread has lines that it has not written yet.
    writing: bool,
    /// Lines that had no room.
    dropped: u64,
}

impl Writer {
    /// Keeps lines until the thread is started.
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Starts the thread that writes to `out`, what was kept first. `lost` makes the line that tells how many had no
    /// room. Without a thread to be had, lines are written by whoever puts them.
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
                // A closed stdout must not end clawgate, so the result is dropped.
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

    /// Writes what was kept, and from now on each line as it comes.
    fn write_here(&self) {
        let mut state = self.0.state();
        state.mode = Mode::Direct;
        let mut out = std::io::stdout().lock();
        // A closed stdout must not end clawgate, so the result is dropped.
        let _ = out.write_all(&std::mem::take(&mut state.lines)).and_then(|()| out.flush());
    }

    /// Puts a line, which ends in a newline, after those before it. Never waits for a reader.
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
        let hurry = urgent && !state.urgent;
        state.urgent |= urgent;
        if std::mem::take(&mut state.asleep) || hurry {
            drop(state);
            self.0.more.notify_one();
        }
    }

    /// Waits until all lines are written, but not for longer than `max_wait`.
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
    /// Waits for lines and for those that come soon after; puts them into `lines`, and returns how many had
    /// no room.
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

    /// Takes what is written only when told to.
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
    fn lines_of_several_threads_come_out_whole_and_each_threads_in_order() {
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
    fn a_reader_that_stops_costs_light_lines_only_and_hears_how_many() {
        let (writer, go, read) = writer();
        let light = [vec![b'1'; 1023], vec![b'\n']].concat();
        // Twice what has room: as much may be at the reader already.
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
        // Told with each batch: there are two where the reader took one in between.
        let told: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("lost ")).collect();
        let lost: usize = told.iter().map(|lost| lost.parse::<usize>().unwrap()).sum();
        assert!(!told.is_empty());
        assert_eq!(kept + lost, count);
        assert!(kept >= LIMIT / 1024 - 1, "{kept}");
        assert!(text.lines().any(|line| line == "2"));
    }

    #[test]
    fn lines_from_before_the_thread_come_out_first() {
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
    fn a_flush_does_not_wait_for_ever_for_a_reader() {
        let (writer, _go, _read) = writer();
        writer.put(b"1\n", Priority::Usual);
        let start = Instant::now();
        writer.flush(Duration::from_millis(50));
        assert!(start.elapsed() < TIMEOUT);
    }

    #[test]
    fn a_reader_that_has_gone_ends_nothing() {
        let (writer, go, _) = writer();
        drop(go);
        for _ in 0..3 {
            writer.put(b"1\n", Priority::Heavy);
            writer.flush(TIMEOUT);
        }
    }
}
