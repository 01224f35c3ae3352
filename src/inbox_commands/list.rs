//! `clawgate inbox list`: events as a table, or as JSON lines.

use std::fmt::{self, Display, Formatter};
use std::time::SystemTime;

use serde_json::Error;

use super::record::SummaryRecord;
use super::text::{ago, events, size, table, until};
use crate::inbox::{EventState, EventSummary, Filter, Store, StoreError};

/// Events of a store, the newest first.
#[derive(Debug)]
pub(super) struct Listed {
    events: Vec<EventSummary>,
    /// Whether there are more that fit the filter.
    has_more: bool,
    now: SystemTime,
}

/// Lists events that fit `filter`, at most `limit`.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn list(
    store: &dyn Store,
    filter: Filter,
    limit: usize,
    now: SystemTime,
) -> Result<Listed, StoreError> {
    let mut events = store.list(filter, limit.saturating_add(1)).await?;
    let has_more = events.len() > limit;
    events.truncate(limit);
    Ok(Listed { events, has_more, now })
}

impl Listed {
    /// One JSON object for each event, each in its line.
    ///
    /// # Errors
    /// None is known: the records can be serialized.
    pub(super) fn json_lines(&self) -> Result<String, Error> {
        let mut lines = String::new();
        for event in &self.events {
            lines.push_str(&serde_json::to_string(&SummaryRecord::from(event))?);
            lines.push('\n');
        }
        Ok(lines)
    }
}

impl Display for Listed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.events.is_empty() {
            return writeln!(f, "no events");
        }
        let heading = ["ID", "RECEIVED", "ROUTE", "STATE", "TRIES", "SIZE", ""].map(str::to_owned);
        let rows = self.events.iter().map(|event| {
            [
                event.id.to_string(),
                ago(event.received, self.now),
                event.route.clone(),
                event.state.as_str().to_owned(),
                event.tries.to_string(),
                size(event.size),
                note(event, self.now),
            ]
        });
        let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
        f.write_str(&table(&rows))?;
        if self.has_more {
            let shown = events(u64::try_from(self.events.len()).unwrap_or(u64::MAX));
            writeln!(f, "\nthe newest {shown}; there are more (--limit)")?;
        }
        Ok(())
    }
}

/// What follows, or why nothing does.
fn note(event: &EventSummary, now: SystemTime) -> String {
    match event.state {
        EventState::Waiting => match event.next_at {
            Some(at) => format!("next try {}", until(at, now)),
            None => String::new(),
        },
        EventState::Delivered => match event.ended {
            Some(at) => ago(at, now),
            None => String::new(),
        },
        EventState::Dead => event.reason.map_or("", |reason| reason.as_str()).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::inbox::{DeadReason, EventId};

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn event(number: u8, state: EventState) -> EventSummary {
        let received = SystemTime::UNIX_EPOCH + NOW - Duration::from_secs(200 * u64::from(number));
        let is = |wanted| (state == wanted).then_some(received + Duration::from_secs(200));
        EventSummary {
            seq: 10 - i64::from(number),
            id: EventId::from_bytes([number; 16]),
            route: "/hooks/github".to_owned(),
            principal: "signature:github".to_owned(),
            key: (number == 1).then(|| "72d3162e".to_owned()),
            state,
            received,
            next_at: is(EventState::Waiting).map(|at| at + Duration::from_secs(4)),
            ended: is(EventState::Delivered).or(is(EventState::Dead)),
            tries: u32::from(number),
            reason: (state == EventState::Dead).then_some(DeadReason::TooOld),
            size: 1000 * u64::from(number),
        }
    }

    fn listed(has_more: bool) -> Listed {
        let events = vec![
            event(1, EventState::Waiting),
            event(2, EventState::Dead),
            event(3, EventState::Delivered),
        ];
        Listed { events, has_more, now: SystemTime::UNIX_EPOCH + NOW }
    }

    #[test]
    fn people_see_a_table_with_ages() {
        insta::assert_snapshot!(listed(true).to_string(), @r"
        ID                                    RECEIVED  ROUTE          STATE      TRIES  SIZE
        01010101-0101-0101-0101-010101010101  3m ago    /hooks/github  waiting    1      1000B   next try in 4s
        02020202-0202-0202-0202-020202020202  6m ago    /hooks/github  dead       2      2.0KiB  too_old
        03030303-0303-0303-0303-030303030303  10m ago   /hooks/github  delivered  3      2.9KiB  6m ago

        the newest 3 events; there are more (--limit)
        ");
    }

    #[test]
    fn programs_get_one_object_for_each_event_with_times_in_rfc_3339() {
        insta::assert_snapshot!(listed(false).json_lines().unwrap(), @r#"
        {"id":"01010101-0101-0101-0101-010101010101","seq":9,"route":"/hooks/github","principal":"signature:github","key":"72d3162e","state":"waiting","reason":null,"received":"2027-01-15T07:56:40.000Z","next_at":"2027-01-15T08:00:04.000Z","ended":null,"tries":1,"size":1000}
        {"id":"02020202-0202-0202-0202-020202020202","seq":8,"route":"/hooks/github","principal":"signature:github","key":null,"state":"dead","reason":"too_old","received":"2027-01-15T07:53:20.000Z","next_at":null,"ended":"2027-01-15T07:56:40.000Z","tries":2,"size":2000}
        {"id":"03030303-0303-0303-0303-030303030303","seq":7,"route":"/hooks/github","principal":"signature:github","key":null,"state":"delivered","reason":null,"received":"2027-01-15T07:50:00.000Z","next_at":null,"ended":"2027-01-15T07:53:20.000Z","tries":3,"size":3000}
        "#);
    }

    #[test]
    fn an_empty_list_says_so() {
        let listed = Listed { events: Vec::new(), has_more: false, now: SystemTime::UNIX_EPOCH };

        assert_eq!(listed.to_string(), "no events\n");
        assert_eq!(listed.json_lines().unwrap(), "");
    }
}
