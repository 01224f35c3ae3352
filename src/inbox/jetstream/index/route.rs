//! The waiting events of one route, in the orders in which they are asked for.

use std::collections::BTreeSet;

use crate::inbox::turn::{Candidate, in_turn, is_due};

/// The waiting events of one route.
#[derive(Debug, Default)]
pub(super) struct WaitingEvents {
    /// Those that were not tried yet: place, and when they were received.
    new: BTreeSet<(i64, i64)>,
    /// Those that are tried again: when, and place.
    again: BTreeSet<(i64, i64)>,
    /// The same by place.
    again_order: BTreeSet<(i64, i64)>,
}

impl WaitingEvents {
    /// Adds an event. `next_at` is `None` for one that was not tried yet.
    pub(super) fn insert(&mut self, seq: i64, received: i64, next_at: Option<i64>) {
        match next_at {
            None => {
                self.new.insert((seq, received));
            }
            Some(at) => {
                self.again.insert((at, seq));
                self.again_order.insert((seq, at));
            }
        }
    }

    /// Removes what [`Self::insert`] has added.
    pub(super) fn remove(&mut self, seq: i64, received: i64, next_at: Option<i64>) {
        match next_at {
            None => {
                self.new.remove(&(seq, received));
            }
            Some(at) => {
                self.again.remove(&(at, seq));
                self.again_order.remove(&(seq, at));
            }
        }
    }

    /// The first event by arrival. One that was not tried yet may be tried at `now`, also if the clock of the instance that has received
    /// it is ahead.
    pub(super) fn first(&self, now: i64) -> Option<Candidate> {
        let new = self.new.first().map(|&(seq, since)| Candidate { seq, since: since.min(now) });
        let again = self.again_order.first().map(|&(seq, since)| Candidate { seq, since });
        [new, again].into_iter().flatten().min_by_key(|candidate| candidate.seq)
    }

    /// The places of events that may be tried at `now`, in the order in which they are to be. `farthest` is the longest wait between
    /// two tries. All in milliseconds.
    pub(super) fn due(
        &self,
        now: i64,
        farthest: i64,
        strict: bool,
        except: &[i64],
        limit: usize,
    ) -> Vec<i64> {
        let is_free = |candidate: &Candidate| !except.contains(&candidate.seq);
        if strict {
            let first =
                self.first(now).filter(|first| is_due(first.since, now, farthest) && is_free(first));
            return first.filter(|_| limit > 0).map(|first| first.seq).into_iter().collect();
        }
        let most = limit.saturating_add(except.len());
        let too_far = (now.saturating_add(farthest).saturating_add(1), i64::MIN)..;
        let mut again: Vec<_> = self
            .again
            .range(too_far)
            .take(most)
            .map(|&(_, seq)| Candidate { seq, since: now })
            .chain(
                self.again
                    .range(..=(now, i64::MAX))
                    .take(most)
                    .map(|&(since, seq)| Candidate { seq, since }),
            )
            .collect();
        again.sort_by_key(|candidate| (candidate.since, candidate.seq));
        let new = self.new.iter().take(most).map(|&(seq, since)| Candidate { seq, since }).collect();
        in_turn(new, again).filter(is_free).map(|candidate| candidate.seq).take(limit).collect()
    }

    /// When the next event, and when the first one by arrival, may be tried; `None` if none waits.
    pub(super) fn next(&self, now: i64, farthest: i64) -> Option<(i64, i64)> {
        let brought_back = |at: i64| if is_due(at, now, farthest) { at.min(now) } else { at };
        let first = self.first(now)?;
        let new = self.new.first().map(|&(_, since)| since.min(now));
        let again = [self.again.first(), self.again.last()].into_iter().flatten().map(|&(at, _)| at);
        let at = new.into_iter().chain(again).map(brought_back).min().unwrap_or(now);
        Some((at, brought_back(first.since)))
    }
}
