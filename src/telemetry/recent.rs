//! The most recent records of one kind, for requests on the admin listener.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fit::fit;

/// How many records are kept.
const CAPACITY: usize = 200;

/// The most recent records.
#[derive(Debug, Default)]
pub struct Recent(Mutex<VecDeque<Box<RawValue>>>);

#[derive(Serialize)]
struct Dated<'a, R> {
    timestamp: String,
    #[serde(flatten)]
    record: &'a R,
}

impl Recent {
    /// Keeps `record`, shortened to less than 4 KiB, and drops the oldest one.
    pub fn keep<R: Serialize>(&self, record: &R) {
        let timestamp = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        // A record that cannot be serialized is not logged either, and the log reports that.
        let Ok(mut json) = serde_json::to_vec(&Dated { timestamp, record }) else { return };
        fit(&mut json);
        let Ok(json) = String::from_utf8(json).map(RawValue::from_string) else { return };
        let Ok(json) = json else { return };
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == CAPACITY {
            records.pop_back();
        }
        records.push_front(json);
    }

    /// All records, newest first.
    pub fn all(&self) -> Vec<Value> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        records.iter().filter_map(|json| serde_json::from_str(json.get()).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_records_come_first_and_the_oldest_are_dropped() {
        let recent = Recent::default();
        for number in 0..CAPACITY + 7 {
            recent.keep(&serde_json::json!({ "number": number }));
        }
        let all = recent.all();
        assert_eq!(all.len(), CAPACITY);
        assert_eq!((&all[0]["number"], &all[CAPACITY - 1]["number"]), (&206.into(), &7.into()));
        assert!(all[0]["timestamp"].is_string());
    }
}
