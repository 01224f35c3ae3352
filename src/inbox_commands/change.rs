//! `clawgate inbox replay`, `drop` and `forget`.

use std::fmt::{self, Display, Formatter};
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use tracing::Level;

use super::select::Selected;
use super::text::events;
use crate::inbox::{EventId, Filter, Store, StoreError};
use crate::telemetry::emit;

/// How many events are changed in one transaction: another process that stores events waits for so long.
const BATCH: usize = 200;
/// How many ids the log line names.
const NAMED: usize = 20;

/// What is done to events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// They wait for their delivery again.
    Replay,
    /// They are removed; a repetition of one is still a duplicate.
    Drop,
    /// They are removed; a repetition of one is a new event.
    Forget,
}

impl Change {
    /// Its word on the command line.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Drop => "drop",
            Self::Forget => "forget",
        }
    }
}

/// What came of a change.
#[derive(Debug)]
pub(super) struct Changed {
    change: Change,
    selected: u64,
    /// Of those, how many waited before.
    waiting: u64,
    done: Vec<EventId>,
    count: u64,
    /// Events that had been dropped before, of which only their keys were left to be forgotten.
    dropped_before: u64,
    /// Why it ended early.
    pub(super) error: Option<StoreError>,
}

/// Changes the events in `selected`, as far as they still fit `filter`. `progress` is told how many of them are done, and
/// how many there are.
pub(super) async fn change(
    store: &dyn Store,
    change: Change,
    filter: &Filter,
    selected: &Selected,
    mut progress: impl FnMut(u64, u64),
) -> Changed {
    let total = selected.count();
    let mut changed = Changed {
        change,
        selected: total,
        waiting: selected.waiting,
        done: Vec::new(),
        count: 0,
        dropped_before: 0,
        error: None,
    };
    let mut seen = 0;
    for batch in selected.ids.chunks(BATCH) {
        let filter = Filter { ids: batch.to_vec(), before_seq: None, ..filter.clone() };
        if let Err(error) = changed.apply(store, filter, batch).await {
            changed.error = Some(error);
            return changed;
        }
        seen += u64::try_from(batch.len()).unwrap_or_default();
        progress(seen, total);
    }
    changed
}

impl Changed {
    async fn apply(
        &mut self,
        store: &dyn Store,
        filter: Filter,
        batch: &[EventId],
    ) -> Result<(), StoreError> {
        let limit = batch.len();
        let (count, done) = match self.change {
            Change::Replay => {
                let replayed = store.replay(filter, limit).await?;
                (u64::try_from(replayed.len()).unwrap_or_default(), replayed)
            }
            Change::Drop => (store.drop_events(filter, limit).await?, batch.to_vec()),
            Change::Forget => (store.forget(filter, limit).await?, batch.to_vec()),
        };
        self.count += count;
        let room = NAMED.saturating_sub(self.done.len());
        self.done.extend(done.into_iter().take(room));
        Ok(())
    }

    /// Forgets what is left of dropped events, which lists do not have, if they fit `filter` and were received before `now`.
    pub(super) async fn forget_dropped(&mut self, store: &dyn Store, filter: Filter, now: SystemTime) {
        // Events that arrive meanwhile must not be forgotten with them.
        let until = filter.until.map_or(now, |until| until.min(now));
        let filter = Filter { until: Some(until), ..filter };
        while self.error.is_none() {
            match store.forget(filter.clone(), BATCH).await {
                Ok(0) => return,
                Ok(count) => self.dropped_before += count,
                Err(error) => self.error = Some(error),
            }
        }
    }

    /// Whether nothing was changed, and nothing was to be changed.
    pub(super) fn is_empty(&self) -> bool {
        self.selected == 0 && self.dropped_before == 0
    }

    /// Logs who has changed what. `inbox` is the database, `filter` are the conditions in the words of the command line.
    pub(super) fn log(&self, inbox: &str, filter: &str) {
        let count = self.count + self.dropped_before;
        if count == 0 {
            return;
        }
        let line = Line {
            inbox,
            count,
            filter,
            events: self.done.iter().map(EventId::to_string).collect(),
            uid: rustix::process::getuid().as_raw(),
        };
        match self.change {
            Change::Replay => emit(Level::INFO, "replayed", &line),
            Change::Drop => emit(Level::WARN, "dropped", &line),
            Change::Forget => emit(Level::WARN, "forgotten", &line),
        }
    }
}

impl Serialize for Changed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = Counts {
            action: self.change.as_str(),
            selected: self.selected,
            changed: self.count,
            dropped_before: self.dropped_before,
        };
        counts.serialize(serializer)
    }
}

/// How many events were changed, of how many.
#[derive(Serialize)]
struct Counts {
    action: &'static str,
    selected: u64,
    changed: u64,
    dropped_before: u64,
}

/// The events `replayed`, `dropped` and `forgotten`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    inbox: &'a str,
    count: u64,
    filter: &'a str,
    events: Vec<String>,
    uid: u32,
}

impl Display for Changed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (count, verb) = (events(self.count), if self.count == 1 { "s" } else { "" });
        match self.change {
            Change::Replay => writeln!(f, "{count} wait{verb} for delivery again")?,
            Change::Drop => {
                let are = if self.count == 1 { "is" } else { "are" };
                writeln!(f, "{count} {are} removed; if a sender repeats one, it is a duplicate")?;
            }
            // Only dropped events were left to be forgotten.
            Change::Forget if self.count == 0 && self.dropped_before > 0 => {}
            Change::Forget => {
                let are = if self.count == 1 { "is" } else { "are" };
                writeln!(f, "{count} {are} forgotten; if a sender repeats one, it is a new event")?;
            }
        }
        if self.dropped_before > 0 {
            let were = if self.dropped_before == 1 { "was" } else { "were" };
            writeln!(f, "{} {were} dropped before, and forgotten now", events(self.dropped_before))?;
        }
        if self.error.is_some() {
            return Ok(());
        }
        let others = self.selected.saturating_sub(self.count);
        let waiting = if self.change == Change::Replay { others.min(self.waiting) } else { 0 };
        if waiting > 0 {
            writeln!(f, "{} wait{} already", events(waiting), if waiting == 1 { "s" } else { "" })?;
        }
        match (others - waiting, self.change) {
            (0, _) => Ok(()),
            (left, Change::Replay) => {
                let left = events(left);
                writeln!(f, "{left} cannot be delivered again: no request is stored (inbox.keep_bodies)")
            }
            (left, _) => writeln!(f, "{} had changed or gone meanwhile", events(left)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(change: Change, selected: u64, waiting: u64, count: u64) -> String {
        let done = Vec::new();
        let dropped_before = u64::from(change == Change::Forget);
        Changed { change, selected, waiting, done, count, dropped_before, error: None }.to_string()
    }

    #[test]
    fn a_replay_says_what_is_left_and_why() {
        insta::assert_snapshot!(changed(Change::Replay, 12, 2, 9), @r"
        9 events wait for delivery again
        2 events wait already
        1 event cannot be delivered again: no request is stored (inbox.keep_bodies)
        ");
        insta::assert_snapshot!(changed(Change::Replay, 1, 0, 1), @"1 event waits for delivery again");
    }

    #[test]
    fn what_is_removed_is_told_with_what_becomes_of_repetitions() {
        insta::assert_snapshot!(changed(Change::Drop, 1, 0, 1), @"1 event is removed; if a sender repeats one, it is a duplicate");
        insta::assert_snapshot!(changed(Change::Forget, 3, 0, 2), @r"
        2 events are forgotten; if a sender repeats one, it is a new event
        1 event was dropped before, and forgotten now
        1 event had changed or gone meanwhile
        ");
    }
}
