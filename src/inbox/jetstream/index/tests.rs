use std::time::Duration;

use http::{HeaderMap, Method, Uri};
use proptest::prelude::*;

use super::*;
use crate::inbox::{DeadReason, NewEvent, StoredRequest};

fn head(number: u8) -> EventHead {
    let event = NewEvent {
        id: EventId::from_bytes([number; 16]),
        route: Arc::from(if number.is_multiple_of(2) { "/hooks/a" } else { "/hooks/b" }),
        principal: Arc::from("certificate:x"),
        key: Some(number.to_string()),
        idempotency_key: "k".to_owned(),
        received: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
        request: StoredRequest {
            method: Method::POST,
            target: Uri::from_static("/hooks/a"),
            headers: HeaderMap::new(),
            body: "12345".into(),
        },
    };
    EventHead::new(&event, "k")
}

fn mark(number: u8) -> Mark {
    [number; 16]
}

fn state(number: u8, phase: Phase) -> StateHead {
    let ended = (phase != Phase::Waiting).then_some(2_000_000);
    StateHead { state: phase, next_at: Some(5_000_000), ended, ..StateHead::of_new(&head(number)) }
}

fn ended(number: u8, seq: u64, how: How) -> EventHead {
    let ended = super::super::messages::Ended { how, seq, at: 2_000_000, tries: 1, replays: 0 };
    EventHead { ended: Some(ended), ..head(number) }
}

fn due(route: &str, strict: bool) -> Due {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000);
    Due { route: Arc::from(route), now, strict, except: Vec::new(), limit: 100 }
}

fn seqs(index: &Index) -> Vec<i64> {
    index.due(&due("/hooks/a", false), 300_000).iter().map(|entry| entry.seq).collect()
}

#[test]
fn a_delivered_event_keeps_its_place_and_leaves_its_state_behind_to_be_removed() {
    let mut index = Index::default();
    index.apply_event(mark(2), 1, head(2));
    index.apply_state(mark(2), 2, StateHead { next_at: None, ..state(2, Phase::Waiting) });
    index.apply_event(mark(2), 3, ended(2, 1, How::Delivered));

    let entry = index.find(EventId::from_bytes([2; 16])).unwrap();
    assert_eq!((entry.seq, entry.revision, entry.state()), (1, 3, EventState::Delivered));
    assert!(!entry.has_request());
    assert_eq!(index.leftovers.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [2]);
    assert!(seqs(&index).is_empty());
}

#[test]
fn the_state_of_an_event_that_has_ended_changes_nothing() {
    let mut index = Index::default();
    index.apply_event(mark(2), 1, head(2));
    index.apply_event(mark(2), 2, ended(2, 1, How::Dropped));
    index.apply_state(mark(2), 3, state(2, Phase::Waiting));

    assert_eq!(index.kept(), 0);
    assert!(index.find(EventId::from_bytes([2; 16])).is_none());
    assert!(index.totals().is_empty());
}

#[test]
fn an_event_whose_mark_another_one_has_now_is_gone() {
    let mut index = Index::default();
    index.apply_event(mark(2), 1, head(2));
    index.apply_event(mark(2), 2, ended(2, 1, How::Delivered));
    index.apply_event(mark(2), 3, head(4));

    assert!(index.find(EventId::from_bytes([2; 16])).is_none());
    assert_eq!(seqs(&index), [3]);
    assert_eq!(index.list(&Filter::default(), 10).len(), 1);
}

#[test]
fn nothing_is_left_of_a_forgotten_event_but_the_message_that_says_so() {
    let mut index = Index::default();
    index.apply_event(mark(2), 1, head(2));
    index.apply_event(mark(2), 2, ended(2, 1, How::Forgotten));

    assert!(index.filtered(&Filter::default(), 10, true).is_empty());
    assert_eq!(index.leftovers.len(), 1);
}

#[test]
fn the_names_that_two_events_have_in_common_are_in_memory_once() {
    let mut index = Index::default();
    index.apply_event(mark(2), 1, head(2));
    index.apply_event(mark(4), 2, head(4));

    let [first, second] = [1, 2].map(|seq| index.get(seq).unwrap().event.clone());
    assert!(Arc::ptr_eq(&first.route, &second.route));
    assert!(Arc::ptr_eq(&first.principal, &second.principal));
}

#[test]
fn a_new_event_is_due_at_once_though_the_clock_of_its_instance_is_ahead() {
    let mut index = Index::default();
    // After the time of `due`, and within the longest wait between two tries.
    index.apply_event(mark(2), 1, EventHead { received: 4_100_000, ..head(2) });
    index.apply_event(mark(4), 2, head(4));

    assert_eq!(seqs(&index), [1, 2]);
    assert_eq!(index.due(&due("/hooks/a", true), 300_000)[0].seq, 1);
}

#[test]
fn events_are_found_by_their_ids_and_dead_ones_by_their_state() {
    let mut index = Index::default();
    for number in [2, 4, 6, 8] {
        index.apply_event(mark(number), u64::from(number), head(number));
    }
    let rejected = Phase::Dead(DeadReason::Rejected);
    index.apply_state(mark(4), 9, state(4, rejected));
    index.apply_state(mark(8), 10, state(8, rejected));
    let found = |filter: Filter| -> Vec<_> {
        index.filtered(&filter, 10, false).iter().map(|entry| entry.seq).collect()
    };
    let ids = |numbers: [u8; 3]| numbers.map(|number| EventId::from_bytes([number; 16])).to_vec();
    let dead = Some(EventState::Dead);

    assert_eq!(found(Filter { ids: ids([2, 6, 2]), ..Filter::default() }), [6, 2]);
    assert_eq!(found(Filter { ids: ids([1, 4, 6]), state: dead, ..Filter::default() }), [4]);
    assert_eq!(found(Filter { state: dead, ..Filter::default() }), [8, 4]);
    assert_eq!(found(Filter { state: dead, before_seq: Some(8), ..Filter::default() }), [4]);
}

#[test]
fn in_strict_order_an_event_that_is_tried_later_holds_up_the_others() {
    let mut index = Index::default();
    index.apply_event(mark(2), 1, head(2));
    index.apply_event(mark(4), 2, head(4));
    index.apply_state(mark(2), 3, StateHead { next_at: Some(4_100_000), ..state(2, Phase::Waiting) });

    assert_eq!(seqs(&index), [2]);
    assert!(index.due(&due("/hooks/a", true), 300_000).is_empty());
}

#[derive(Clone, Copy, Debug)]
enum Message {
    New,
    Ended(How),
    State(Phase),
}

fn message() -> impl Strategy<Value = (u8, Message)> {
    let kinds = prop_oneof![
        3 => Just(Message::New),
        1 => Just(Message::Ended(How::Delivered)),
        1 => Just(Message::Ended(How::Dropped)),
        1 => Just(Message::Ended(How::Forgotten)),
        2 => Just(Message::State(Phase::Waiting)),
        1 => Just(Message::State(Phase::Delivered)),
        1 => Just(Message::State(Phase::Dead(DeadReason::Rejected))),
    ];
    (0u8..12, kinds)
}

proptest! {
    #[test]
    fn numbers_of_any_size_in_a_message_are_no_fault(
        received in any::<i64>(), at in any::<i64>(), seq in any::<u64>(), size in any::<u64>(), next_at in any::<i64>(),
    ) {
        let event = EventHead { received, size, ..head(2) };
        let state = StateHead { next_at: Some(next_at), waiting_since: at, ..StateHead::of_new(&event) };
        let delivered = EventHead { received, size, ..ended(2, seq, How::Delivered) };
        let mut index = Index::default();

        index.apply_event(mark(2), 1, event);
        index.apply_state(mark(2), 2, state);
        let _ = (index.next(300_000), index.totals(), index.list(&Filter::default(), 9));
        index.apply_event(mark(2), 3, delivered);
        let _ = (index.next(300_000), index.totals(), index.list(&Filter::default(), 9));
    }

    #[test]
    fn what_is_counted_is_what_is_there_after_any_messages(
        messages in prop::collection::vec(message(), 0..80),
    ) {
        let mut index = Index::default();
        for (sequence, (number, message)) in (1..).zip(messages) {
            match message {
                Message::New => index.apply_event(mark(number), sequence, head(number)),
                Message::Ended(how) => {
                    let seq = index.find(EventId::from_bytes([number; 16])).map_or(sequence, |entry| {
                        u64::try_from(entry.seq).unwrap()
                    });
                    index.apply_event(mark(number), sequence, ended(number, seq, how));
                }
                Message::State(phase) => index.apply_state(mark(number), sequence, state(number, phase)),
            }
        }
        let all = index.list(&Filter::default(), 1_000);
        let of = |state| all.iter().filter(|summary| summary.state == state).count() as u64;
        let totals = index.totals();
        let sum = |count: fn(&RouteTotals) -> u64| totals.iter().map(count).sum::<u64>();
        prop_assert_eq!(sum(|totals| totals.waiting), of(EventState::Waiting));
        prop_assert_eq!(sum(|totals| totals.delivered), of(EventState::Delivered));
        prop_assert_eq!(sum(|totals| totals.dead), of(EventState::Dead));
        prop_assert_eq!(index.kept(), of(EventState::Waiting) + of(EventState::Dead));
        prop_assert_eq!(sum(|totals| totals.bytes), 5 * index.kept());
        // A time that is very far away is due, so that all that wait are.
        let waiting = ["/hooks/a", "/hooks/b"].map(|route| index.due(&due(route, false), 300_000).len());
        prop_assert_eq!(waiting.iter().sum::<usize>() as u64, of(EventState::Waiting));
        prop_assert_eq!(index.by_mark.len(), index.events.len());
        prop_assert_eq!(index.by_id.len(), index.events.len());
    }
}

#[test]
fn the_state_of_an_earlier_event_with_the_same_mark_is_no_state_but_is_overwritten() {
    let mut index = Index::default();
    index.apply_event(mark(2), 5, head(4));

    index.correct(mark(2), Some((5, head(4))), Some((3, state(2, Phase::Dead(DeadReason::Rejected)))));

    let entry = index.get(5).unwrap();
    assert_eq!((entry.state(), entry.state_revision, entry.with_tries()), (EventState::Waiting, 3, 0));
}

#[test]
fn a_message_that_arrives_after_a_server_was_asked_changes_nothing() {
    let mut index = Index::default();
    index.correct(mark(2), Some((5, ended(2, 1, How::Delivered))), None);

    index.apply_event(mark(2), 1, head(2));

    assert_eq!(index.find(EventId::from_bytes([2; 16])).unwrap().state(), EventState::Delivered);
}

#[test]
fn an_event_that_a_server_does_not_have_any_more_is_forgotten() {
    let mut index = Index::default();
    index.apply_event(mark(2), 5, head(2));

    index.correct(mark(2), None, None);

    assert!(index.get(5).is_none());
    assert_eq!(index.kept(), 0);
}
