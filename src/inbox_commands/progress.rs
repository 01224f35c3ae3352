//! How far long work is, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Work with fewer steps is done before a bar could be read.
const SHORT: u64 = 500;

/// A bar on stderr, if that is a terminal. It disappears at the end of the work.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// `what` stands before the bar.
    pub(super) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::no_length().with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}")
        {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// `done` of `total` steps are done.
    pub(super) fn report(&self, done: u64, total: u64) {
        if total >= SHORT {
            self.0.set_length(total);
            self.0.set_position(done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
