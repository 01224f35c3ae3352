//! Copies a body, except for what is cut or replaced.

use std::borrow::Cow;
use std::ops::Range;

/// The new body. Changes come in the order of their places.
#[derive(Debug)]
pub(super) struct Output<'b> {
    source: &'b str,
    /// What was written.
    new: String,
    /// Up to where the source was copied or left out.
    done: usize,
}

impl<'b> Output<'b> {
    pub(super) fn new(source: &'b str) -> Self {
        Self { source, new: String::new(), done: 0 }
    }

    /// Writes `text` instead of what is there.
    pub(super) fn replace(&mut self, span: Range<usize>, text: &str) {
        self.new.push_str(&self.source[self.done..span.start]);
        self.new.push_str(text);
        self.done = span.end;
    }

    /// The new body; the source if there was no change.
    pub(super) fn finish(mut self) -> Cow<'b, [u8]> {
        if self.done == 0 {
            return Cow::Borrowed(self.source.as_bytes());
        }
        self.new.push_str(&self.source[self.done..]);
        Cow::Owned(self.new.into_bytes())
    }
}

/// Cuts parts out of an object or array, each with one of the commas beside it.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// Whether a part before has stayed.
    has_part: bool,
    /// Where the first part began, if all parts until now are to be cut.
    from: Option<usize>,
    /// Where the last part ended.
    end: usize,
}

impl Cutter {
    /// The part that was there goes.
    pub(super) fn cut(&mut self, output: &mut Output<'_>, part: Range<usize>) {
        if self.has_part {
            output.replace(self.end..part.end, "");
        } else {
            self.from.get_or_insert(part.start);
        }
        self.end = part.end;
    }

    /// The part that begins there stays.
    pub(super) fn begin(&mut self, output: &mut Output<'_>, start: usize) {
        if let Some(from) = self.from.take() {
            output.replace(from..start, "");
        }
        self.has_part = true;
    }

    /// The part that stays has ended.
    pub(super) fn end(&mut self, end: usize) {
        self.end = end;
    }

    /// There is no more part.
    pub(super) fn finish(self, output: &mut Output<'_>) {
        if let Some(from) = self.from {
            output.replace(from..self.end, "");
        }
    }
}
