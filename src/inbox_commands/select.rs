//! Which events a command is about.

use std::fmt::{self, Display, Formatter};

use super::text::events;
use crate::inbox::{EventId, EventState, EventSummary, Filter, Store, StoreError};

/// How many events are read at a time.
const PAGE: usize = 1000;

/// Events that a command is about, the newest first. They are known before anything changes, so that the command changes
/// what it has announced, also while others arrive.
#[derive(Debug, Default)]
pub(super) struct Selected {
    pub(super) ids: Vec<EventId>,
    pub(super) waiting: u64,
    delivered: u64,
    dead: u64,
}

/// Finds all events that fit `filter`, at most `limit`.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn select(
    store: &dyn Store,
    filter: &Filter,
    limit: Option<usize>,
) -> Result<Selected, StoreError> {
    let mut selected = Selected::default();
    let mut filter = filter.clone();
    let mut left = limit.unwrap_or(usize::MAX);
    while left > 0 {
        let page = store.list(filter.clone(), left.min(PAGE)).await?;
        let Some(last) = page.last() else { break };
        filter.before_seq = Some(last.seq);
        left = left.saturating_sub(page.len());
        page.iter().for_each(|event| selected.add(event));
    }
    Ok(selected)
}

impl Selected {
    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.waiting + self.delivered + self.dead
    }

    /// The first of `ids` that is not among them.
    pub(super) fn missing(&self, ids: &[EventId]) -> Option<EventId> {
        ids.iter().find(|id| !self.ids.contains(id)).copied()
    }

    fn add(&mut self, event: &EventSummary) {
        self.ids.push(event.id);
        match event.state {
            EventState::Waiting => self.waiting += 1,
            EventState::Delivered => self.delivered += 1,
            EventState::Dead => self.dead += 1,
        }
    }
}

impl Display for Selected {
    /// `12 events (10 dead, 2 waiting)`
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let counts = [(self.dead, EventState::Dead), (self.waiting, EventState::Waiting)];
        let counts = counts.into_iter().chain([(self.delivered, EventState::Delivered)]);
        let counts = counts.filter(|(count, _)| *count > 0);
        let parts: Vec<_> = counts.map(|(count, state)| format!("{count} {}", state.as_str())).collect();
        match parts.is_empty() {
            true => f.write_str(&events(0)),
            false => write!(f, "{} ({})", events(self.count()), parts.join(", ")),
        }
    }
}
