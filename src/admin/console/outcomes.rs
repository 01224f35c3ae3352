//! What came of the latest actions, for the page that follows each.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::admin::lock::lock;
use crate::console::data::Outcome;
use crate::random::random_hex;

/// How many are kept.
const CAPACITY: usize = 16;

/// What came of the latest actions. The address of a page has only a name for it, so that no link can show a text.
#[derive(Debug, Default)]
pub(super) struct Outcomes(Mutex<VecDeque<(String, Outcome)>>);

impl Outcomes {
    /// Keeps `outcome`; returns its name.
    pub(super) fn keep(&self, outcome: Outcome) -> String {
        let name = random_hex::<8>().unwrap_or_default();
        let mut kept = lock(&self.0);
        if kept.len() == CAPACITY {
            kept.pop_front();
        }
        kept.push_back((name.clone(), outcome));
        name
    }

    /// The outcome of this name.
    pub(super) fn named(&self, name: &str) -> Option<Outcome> {
        let kept = lock(&self.0);
        kept.iter().find(|(known, _)| known == name).map(|(_, outcome)| outcome.clone())
    }
}
