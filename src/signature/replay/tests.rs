//! Tests of the window.

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn event(number: u8) -> EventKey {
    EventKey::of_id(&[number])
}

fn claimed(window: &ReplayWindow, number: u8, now: Instant) -> ClaimGuard {
    match window.claim(event(number), now) {
        Claim::New(guard) => guard,
        other => panic!("{other:?}"),
    }
}

fn is_duplicate(window: &ReplayWindow, number: u8, now: Instant) -> bool {
    matches!(window.claim(event(number), now), Claim::Duplicate)
}

fn is_new(window: &ReplayWindow, number: u8, now: Instant) -> bool {
    matches!(window.claim(event(number), now), Claim::New(_))
}

#[test]
fn a_delivered_request_is_a_duplicate_until_the_window_ends() {
    let (window, start) = (ReplayWindow::new(HOUR, None), Instant::now());
    claimed(&window, 1, start).confirm_here();

    assert!(is_duplicate(&window, 1, start));
    assert!(is_new(&window, 2, start));
    assert!(is_duplicate(&window, 1, start + HOUR));
    assert!(is_new(&window, 1, start + HOUR + Duration::from_nanos(1)));
}

#[test]
fn a_request_that_the_upstream_did_not_accept_may_come_again() {
    let (window, start) = (ReplayWindow::new(HOUR, None), Instant::now());
    let guard = claimed(&window, 1, start);
    assert!(matches!(window.claim(event(1), start), Claim::InProgress));

    drop(guard);

    claimed(&window, 1, start).confirm_here();
    assert!(is_duplicate(&window, 1, start));
}

#[test]
fn the_window_is_at_least_twice_the_tolerance() {
    let (window, start) = (ReplayWindow::new(HOUR, Some(HOUR)), Instant::now());
    claimed(&window, 1, start).confirm_here();

    assert!(is_duplicate(&window, 1, start + 2 * HOUR));
    assert!(is_new(&window, 1, start + 2 * HOUR + Duration::from_nanos(1)));
}

#[test]
fn a_clock_that_goes_back_forgets_nothing() {
    let (window, start) = (ReplayWindow::new(HOUR, None), Instant::now());
    let later = start + HOUR;
    claimed(&window, 1, later).confirm_here();

    assert!(is_duplicate(&window, 1, start));
    claimed(&window, 2, start).confirm_here();
    assert!(is_duplicate(&window, 1, later + HOUR));
}

#[test]
fn the_oldest_delivered_request_is_forgotten_first_when_the_window_is_full() {
    let (window, start) = (ReplayWindow::with_capacity(HOUR, 3), Instant::now());
    let _in_progress = claimed(&window, 0, start);
    claimed(&window, 1, start).confirm_here();
    claimed(&window, 2, start).confirm_here();

    claimed(&window, 3, start).confirm_here();

    assert!(matches!(window.claim(event(0), start), Claim::InProgress));
    assert!(is_duplicate(&window, 2, start));
    assert!(is_duplicate(&window, 3, start));
    assert!(is_new(&window, 1, start));
}

#[test]
fn a_request_that_could_not_be_remembered_is_not_let_through() {
    let (window, start) = (ReplayWindow::with_capacity(HOUR, 1), Instant::now());
    let guard = claimed(&window, 1, start);
    assert!(matches!(window.claim(event(2), start), Claim::InProgress));

    drop(guard);

    assert!(is_new(&window, 2, start));
}

#[test]
fn of_many_threads_with_the_same_request_one_gets_the_claim() {
    let (window, start) = (ReplayWindow::new(HOUR, None), Instant::now());
    let guards: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| window.claim(event(1), start))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });

    assert_eq!(guards.iter().filter(|claim| matches!(claim, Claim::New(_))).count(), 1);
}

#[test]
fn the_longest_window_does_not_overflow_the_clock() {
    let (window, start) = (ReplayWindow::new(Duration::MAX, Some(Duration::MAX)), Instant::now());
    claimed(&window, 1, start).confirm_here();

    assert!(is_duplicate(&window, 1, start + HOUR));
}

/// What one step of the model does.
#[derive(Clone, Debug)]
enum Step {
    Claim(u8),
    Confirm(usize),
    Release(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..12).prop_map(Step::Claim),
        2 => (0usize..8).prop_map(Step::Confirm),
        1 => (0usize..8).prop_map(Step::Release),
        2 => (0u64..40).prop_map(Step::Wait),
    ]
}

/// A window of 60 s and 6 requests, without a thought of speed.
#[derive(Debug, Default)]
struct Model {
    in_progress: Vec<(u8, u64)>,
    /// In the order of confirmation: key, end in seconds.
    delivered: Vec<(u8, u64)>,
}

impl Model {
    fn claim(&mut self, key: u8, now: u64) -> &'static str {
        while self.delivered.first().is_some_and(|(_, end)| *end < now) {
            self.delivered.remove(0);
        }
        if self.delivered.iter().any(|(other, _)| *other == key) {
            return "duplicate";
        }
        if self.in_progress.iter().any(|(other, _)| *other == key) {
            return "in progress";
        }
        if self.in_progress.len() + self.delivered.len() == 6 {
            if self.delivered.is_empty() {
                return "in progress";
            }
            self.delivered.remove(0);
        }
        self.in_progress.push((key, now + 60));
        "new"
    }
}

proptest! {
    #[test]
    fn the_window_does_what_a_simple_model_does(steps in proptest::collection::vec(step(), 1..200)) {
        let window = ReplayWindow::with_capacity(Duration::from_secs(60), 6);
        let (start, mut now) = (Instant::now(), 0);
        let (mut model, mut guards) = (Model::default(), Vec::new());
        for step in steps {
            match step {
                Step::Claim(number) => {
                    let outcome = match window.claim(event(number), start + Duration::from_secs(now)) {
                        Claim::New(guard) => {
                            guards.push(guard);
                            "new"
                        }
                        Claim::Duplicate => "duplicate",
                        Claim::InProgress => "in progress",
                    };
                    prop_assert_eq!(outcome, model.claim(number, now));
                }
                Step::Confirm(index) if index < guards.len() => {
                    guards.remove(index).confirm_here();
                    let confirmed = model.in_progress.remove(index);
                    model.delivered.push(confirmed);
                }
                Step::Release(index) if index < guards.len() => {
                    drop(guards.remove(index));
                    model.in_progress.remove(index);
                }
                Step::Confirm(_) | Step::Release(_) => {}
                Step::Wait(seconds) => now += seconds,
            }
            let requests = window.requests.lock().unwrap();
            prop_assert_eq!(requests.delivered.len(), model.delivered.len());
            prop_assert_eq!(requests.states.len(), model.delivered.len() + model.in_progress.len());
        }
    }
}
