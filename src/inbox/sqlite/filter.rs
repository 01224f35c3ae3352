//! Conditions on events, as SQL.

use rusqlite::ToSql;

use super::schema::state;
use crate::inbox::encode::millis;
use crate::inbox::{EventState, Filter};

/// Which rows of `event` are meant.
pub(super) struct Selection {
    conditions: Vec<String>,
    parameters: Vec<Box<dyn ToSql>>,
}

impl Selection {
    /// The rows that a filter means, among them events that were dropped.
    pub(super) fn of(filter: &Filter) -> Self {
        let mut selection = Self { conditions: Vec::new(), parameters: Vec::new() };
        if !filter.ids.is_empty() {
            let ids: Vec<String> =
                filter.ids.iter().map(|id| selection.parameter(id.as_bytes().to_vec())).collect();
            selection.and(&format!("event.id IN ({})", ids.join(", ")));
        }
        if let Some(before) = filter.before_seq {
            selection.compare("event.seq <", before);
        }
        if let Some(route) = &filter.route {
            let path = selection.parameter(route.clone());
            selection.and(&format!("event.route = (SELECT id FROM route WHERE path = {path})"));
        }
        if let Some(state) = filter.state {
            // A number in the text, not a parameter: only then does SQLite use the indexes of these states.
            selection.and(&format!("event.state = {}", state_number(state)));
        }
        if let Some(key) = &filter.key {
            selection.compare("event.key =", key.clone());
        }
        if let Some(principal) = &filter.principal {
            selection.compare("event.principal =", principal.clone());
        }
        if let Some(since) = filter.since {
            selection.compare("event.received >=", millis(since));
        }
        if let Some(until) = filter.until {
            selection.compare("event.received <", millis(until));
        }
        if let Some(reason) = filter.reason {
            selection.compare("event.reason =", reason.as_str());
        }
        selection
    }

    /// A further condition.
    pub(super) fn and(&mut self, condition: &str) {
        self.conditions.push(condition.to_owned());
    }

    /// The condition, with `WHERE`; empty if there is none.
    pub(super) fn condition(&self) -> String {
        if self.conditions.is_empty() {
            return String::new();
        }
        format!("WHERE {}", self.conditions.join(" AND "))
    }

    /// The values for the condition.
    pub(super) fn parameters(&self) -> rusqlite::ParamsFromIter<&[Box<dyn ToSql>]> {
        rusqlite::params_from_iter(&self.parameters[..])
    }

    fn compare(&mut self, left: &str, value: impl ToSql + 'static) {
        let value = self.parameter(value);
        self.and(&format!("{left} {value}"));
    }

    /// Adds a value, and returns the name by which the condition has it.
    fn parameter(&mut self, value: impl ToSql + 'static) -> String {
        self.parameters.push(Box::new(value));
        format!("?{}", self.parameters.len())
    }
}

/// `event.state` of a state.
pub(super) fn state_number(state: EventState) -> i64 {
    match state {
        EventState::Waiting => state::WAITING,
        EventState::Delivered => state::DELIVERED,
        EventState::Dead => state::DEAD,
    }
}

/// The state with this `event.state`; `None` for one that lists do not show.
pub(super) fn event_state(number: i64) -> Option<EventState> {
    EventState::ALL.into_iter().find(|state| state_number(*state) == number)
}
