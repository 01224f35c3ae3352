#![allow(clippy::unwrap_used, reason = "this is how a test fails")]

use std::collections::HashMap;

use proptest::prelude::*;
use rusqlite::{Connection, OptionalExtension as _};

use super::super::schema;
use super::{Mark, Recent};

/// What happens to a database, one after the other.
#[derive(Clone, Debug)]
enum Step {
    /// An event with the mark of this number is stored.
    Store(u8),
    /// Another process stores one.
    StoreElsewhere(u8),
    /// Nothing arrives for a while.
    Idle,
    /// A transaction fails after it has stored an event.
    Fail(u8),
    /// clawgate ends and starts again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any::<u8>().prop_map(Step::Store),
        2 => any::<u8>().prop_map(Step::StoreElsewhere),
        1 => Just(Step::Idle),
        1 => any::<u8>().prop_map(Step::Fail),
        1 => Just(Step::Restart),
    ]
}

/// A mark in any place of the order of the table.
fn mark(number: u8) -> Mark {
    [number.wrapping_mul(167); 16]
}

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    schema::migrate(&connection, 0).unwrap();
    connection
}

fn insert(connection: &Connection, seq: i64, mark: Mark) {
    let sql = "INSERT INTO event (seq, id, route, state, received, waiting_since, attempts, tries, replays, size, mark, digest,
                   principal, idempotency_key)
               VALUES (?1, randomblob(16), 1, 0, 0, 0, 0, 0, 0, 0, ?2, x'', '', '')";
    connection.execute(sql, rusqlite::params![seq, mark]).unwrap();
}

/// The event that is found by a mark, here or in the table.
fn find(connection: &Connection, recent: &Recent<'_>, mark: Mark) -> Option<i64> {
    let in_table =
        || connection.query_row("SELECT seq FROM seen WHERE mark = ?1", [mark], |row| row.get(0));
    recent.get(&mark).or_else(|| in_table().optional().unwrap())
}

/// How many marks of events up to `seen_up_to` are not in the table.
fn missing(connection: &Connection) -> i64 {
    let sql = "SELECT count(*) FROM event, seen_up_to WHERE event.seq <= seen_up_to.seq
               AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.mark = event.mark AND seen.seq >= event.seq)";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn transaction(
    connection: &Connection,
    recent: &mut Recent<'_>,
    last_seq: i64,
    added: Option<(i64, Mark)>,
) {
    connection.execute_batch("BEGIN").unwrap();
    recent.refresh(last_seq).unwrap();
    match added {
        Some((seq, mark)) => {
            insert(connection, seq, mark);
            recent.add(Some(mark), seq);
            recent.move_surplus().unwrap();
        }
        None => while recent.move_idle().unwrap() {},
    }
    connection.execute_batch("COMMIT").unwrap();
}

proptest! {
    #[test]
    fn every_mark_is_found_whatever_happens(steps in prop::collection::vec(step(), 1..200), kept in 0_usize..20) {
        let connection = database();
        let new = || Recent { kept, ..Recent::new(&connection).unwrap() };
        let (mut recent, mut last_seq, mut stored) = (new(), 0, HashMap::new());
        for step in steps {
            match step {
                Step::Store(number) => {
                    transaction(&connection, &mut recent, last_seq, Some((last_seq + 1, mark(number))));
                    last_seq += 1;
                    stored.insert(mark(number), last_seq);
                }
                Step::StoreElsewhere(number) => {
                    last_seq += 1;
                    insert(&connection, last_seq, mark(number));
                    stored.insert(mark(number), last_seq);
                }
                Step::Idle => transaction(&connection, &mut recent, last_seq, None),
                Step::Fail(number) => {
                    connection.execute_batch("BEGIN").unwrap();
                    recent.refresh(last_seq).unwrap();
                    recent.add(Some(mark(number)), last_seq + 1);
                    recent.move_surplus().unwrap();
                    connection.execute_batch("ROLLBACK").unwrap();
                    recent.discard();
                }
                Step::Restart => recent = new(),
            }
            prop_assert_eq!(missing(&connection), 0);
            recent.refresh(last_seq).unwrap();
            for (mark, seq) in &stored {
                prop_assert_eq!(find(&connection, &recent, *mark), Some(*seq));
            }
        }
    }
}

#[test]
fn after_a_pause_nothing_need_be_read_at_the_next_start() {
    let connection = database();
    let mut recent = Recent::new(&connection).unwrap();
    for seq in 1..=50 {
        transaction(&connection, &mut recent, seq - 1, Some((seq, mark(u8::try_from(seq).unwrap()))));
    }
    transaction(&connection, &mut recent, 50, None);
    let end: i64 = connection.query_row("SELECT seq FROM seen_up_to", [], |row| row.get(0)).unwrap();
    assert_eq!(end, 50);
}

#[test]
fn only_a_limited_number_of_marks_stays_in_memory() {
    let connection = database();
    let mut recent = Recent { kept: 10, ..Recent::new(&connection).unwrap() };
    for seq in 1..=250 {
        transaction(&connection, &mut recent, seq - 1, Some((seq, mark(u8::try_from(seq).unwrap()))));
        assert!(recent.marks.len() <= 10);
    }
    let end: i64 = connection.query_row("SELECT seq FROM seen_up_to", [], |row| row.get(0)).unwrap();
    assert!(end > 150, "so that a start reads few events: {end}");
}

#[test]
fn the_mark_of_an_event_that_was_removed_does_not_come_into_the_table() {
    let connection = database();
    let mut recent = Recent::new(&connection).unwrap();
    transaction(&connection, &mut recent, 0, Some((1, mark(1))));
    connection.execute("DELETE FROM event WHERE seq = 1", []).unwrap();
    transaction(&connection, &mut recent, 1, None);
    let rows: i64 = connection.query_row("SELECT count(*) FROM seen", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}
