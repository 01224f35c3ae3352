//! One event in the index.

use std::sync::Arc;

use super::super::messages::{Ended, EventHead, How, Phase, StateHead};
use super::super::subjects::Mark;
use crate::inbox::encode::{key_of_replay, time};
use crate::inbox::{Event, EventId, EventState, EventSummary, Filter, StoredRequest};

/// One event.
#[derive(Clone, Debug)]
pub(in super::super) struct Entry {
    pub(in super::super) mark: Mark,
    /// Its place in the order of arrival.
    pub(in super::super) seq: i64,
    /// The sequence of the last message about it, under `event`.
    pub(in super::super) revision: u64,
    /// The same under `state`; 0 if there is none.
    pub(in super::super) state_revision: u64,
    /// Whether that message is about this event.
    pub(in super::super) has_state: bool,
    pub(in super::super) event: EventHead,
    pub(in super::super) state: StateHead,
}

impl Entry {
    /// Of a new event, whose message has this sequence.
    pub(super) fn new(mark: Mark, sequence: u64, event: EventHead) -> Self {
        let mut state = StateHead::of_new(&event);
        let mut seq = sequence;
        if let Some(ended) = &event.ended {
            (seq, state.tries, state.replays) = (ended.seq, ended.tries, ended.replays);
            (state.ended, state.state) = (Some(ended.at), Phase::Delivered);
        }
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        Self { mark, seq, revision: sequence, state_revision: 0, has_state: false, event, state }
    }

    /// Whether its request is stored.
    pub(in super::super) fn has_request(&self) -> bool {
        self.event.ended.is_none()
    }

    /// Whether it can be delivered once more.
    pub(in super::super) fn can_be_replayed(&self) -> bool {
        self.has_request() && !self.state.is_removed && self.state() != EventState::Waiting
    }

    /// The sequence of the message that has its tries; 0 if there is none.
    pub(in super::super) fn with_tries(&self) -> u64 {
        match (self.has_request(), self.has_state) {
            (false, _) => self.revision,
            (true, true) => self.state_revision,
            (true, false) => 0,
        }
    }

    /// Whether only the memory of it is left.
    pub(in super::super) fn is_dropped(&self) -> bool {
        self.event.ended.as_ref().is_some_and(|ended| ended.how == How::Dropped)
    }

    /// What has become of it.
    pub(in super::super) fn state(&self) -> EventState {
        match self.state.state {
            Phase::Waiting => EventState::Waiting,
            Phase::Delivered => EventState::Delivered,
            Phase::Dead(_) => EventState::Dead,
        }
    }

    /// When it was delivered, dropped or given up, in milliseconds.
    pub(in super::super) fn ended(&self) -> Option<i64> {
        self.state.ended
    }

    /// The head that replaces its request.
    pub(in super::super) fn ended_head(&self, how: How, at: i64, tries: u32) -> EventHead {
        let seq = u64::try_from(self.seq).unwrap_or(0);
        let ended = Ended { how, seq, at, tries, replays: self.state.replays };
        EventHead { ended: Some(ended), ..self.event.clone() }
    }

    /// What lists show.
    pub(super) fn summary(&self) -> EventSummary {
        let (event, state) = (&self.event, &self.state);
        let reason = match state.state {
            Phase::Dead(reason) => Some(reason),
            Phase::Waiting | Phase::Delivered => None,
        };
        EventSummary {
            seq: self.seq,
            id: event.id,
            route: event.route.to_string(),
            principal: event.principal.to_string(),
            key: event.key.as_deref().map(str::to_owned),
            state: self.state(),
            received: time(event.received),
            next_at: (state.state == Phase::Waiting)
                .then(|| time(state.next_at.unwrap_or(state.waiting_since))),
            ended: state.ended.map(time),
            tries: state.tries,
            reason,
            size: event.size,
        }
    }

    /// The `Idempotency-Key` for the upstream.
    pub(in super::super) fn idempotency_key(&self) -> String {
        key_of_replay(self.event.idempotency_key.to_string(), self.state.replays)
    }

    /// The event with its request, for the dispatcher.
    pub(in super::super) fn to_event(&self, request: StoredRequest) -> Event {
        let (event, state) = (&self.event, &self.state);
        Event {
            seq: self.seq,
            id: event.id,
            route: Arc::clone(&event.route),
            principal: Arc::clone(&event.principal),
            key: event.key.as_deref().map(str::to_owned),
            idempotency_key: self.idempotency_key(),
            received: time(event.received),
            attempts: state.attempts,
            tries: state.tries,
            waiting_since: time(state.waiting_since),
            batch: state.batch,
            request,
        }
    }

    /// Whether a filter means it.
    pub(super) fn matches(&self, filter: &Filter) -> bool {
        let Filter { ids, route, state, key, principal, since, until, reason, before_seq } = filter;
        let received = time(self.event.received);
        (ids.is_empty() || ids.contains(&self.event.id))
            && route.as_ref().is_none_or(|route| **route == *self.event.route)
            && state.is_none_or(|state| state == self.state())
            && key.as_ref().is_none_or(|key| self.event.key.as_deref() == Some(key))
            && principal.as_ref().is_none_or(|principal| **principal == *self.event.principal)
            && since.is_none_or(|since| received >= since)
            && until.is_none_or(|until| received < until)
            && reason.is_none_or(|reason| self.state.state == Phase::Dead(reason))
            && before_seq.is_none_or(|before| self.seq < before)
    }

    /// Its identifier.
    pub(super) fn id(&self) -> EventId {
        self.event.id
    }
}
