//! What is told to other instances, and what their messages change.

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::*;
use crate::dispatch::peer_message::PeerMessage;
use crate::dispatch::shared::{Shared, Shown};
use crate::dispatch::{Answered, Instance, Paused, Watch};

const WAIT: Option<Duration> = Some(Duration::from_secs(2));

fn other() -> Instance {
    Instance { host: "claw-2".to_owned(), pid: 7 }
}

/// What one instance knows, and what it tells the others.
fn shared() -> (Arc<Shared>, mpsc::Receiver<Bytes>) {
    let (tell, told) = mpsc::channel(100);
    (Arc::new(Shared::new(Some(tell))), told)
}

fn watch(shared: &Shared) -> Watch {
    Watch::new(event(ROUTE).id, ROUTE, Arc::clone(&shared.watches))
}

fn answered() -> Answered {
    Answered { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() }
}

fn paused(route: &str) -> Shown {
    Shown { state: Vec::new(), paused: [Arc::from(route)].into() }
}

#[test]
fn no_sender_waits_before_an_instance_has_said_that_it_delivers() {
    let (shared, _told) = shared();
    assert!(!shared.tries(ROUTE));
    shared.deliverer_told(other(), Shown::default());
    assert_eq!((shared.tries(ROUTE), shared.deliverer()), (true, Some(other())));
}

#[test]
fn an_instance_that_is_silent_for_longer_than_ten_seconds_is_forgotten_and_waits_for_it_end() {
    run(async {
        let (shared, _told) = shared();
        shared.deliverer_told(other(), Shown::default());
        let watch = watch(&shared);
        let now = tokio::time::Instant::now();
        shared.forget_silent(now + Duration::from_secs(9));
        assert_eq!(shared.deliverer(), Some(other()));

        shared.forget_silent(now + Duration::from_secs(11));

        assert_eq!((shared.deliverer(), shared.tries(ROUTE)), (None, false));
        assert!(watch.answer().await.is_none());
    });
}

#[test]
fn an_instance_that_delivers_does_not_believe_that_another_one_does() {
    let (shared, _told) = shared();
    shared.set_delivers(true);
    shared.deliverer_told(other(), paused(ROUTE));
    assert!(shared.tries(ROUTE));
    assert_ne!(shared.deliverer(), Some(other()));
    shared.set_delivers(false);
    assert_eq!(shared.deliverer(), None);
}

#[test]
fn an_answer_is_told_only_while_a_sender_at_another_instance_may_wait_for_it() {
    let (shared, mut told) = shared();
    let answered = answered();
    let old = |seconds| {
        let received = SystemTime::now() - Duration::from_secs(seconds);
        Event { received, ..event(ROUTE) }
    };
    shared.answer(&event(ROUTE), None, Some(&answered));
    shared.answer(&old(30), WAIT, Some(&answered));
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty));

    shared.answer(&old(1), WAIT, Some(&answered));

    let message = PeerMessage::read(&told.try_recv().unwrap());
    assert!(matches!(message, Ok(PeerMessage::Answered(_))), "{message:?}");
}

#[test]
fn an_answer_for_a_sender_that_waits_here_is_not_told() {
    run(async {
        let (shared, mut told) = shared();
        let event = event(ROUTE);
        let watch = Watch::new(event.id, ROUTE, Arc::clone(&shared.watches));

        shared.answer(&event, WAIT, Some(&answered()));

        assert!(watch.answer().await.is_some());
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn only_the_instance_that_delivers_tells_what_is_paused() {
    let (shared, mut told) = shared();
    shared.tell_state();
    assert_eq!(told.try_recv(), Err(TryRecvError::Empty));

    shared.set_delivers(true);
    shared.tell_state();

    let message = PeerMessage::read(&told.try_recv().unwrap());
    assert!(matches!(message, Ok(PeerMessage::State(_))), "{message:?}");
}

#[test]
fn requests_to_end_pauses_do_not_pile_up() {
    let (shared, _told) = shared();
    shared.set_delivers(true);
    shared.resume(Paused::All);
    shared.resume(Paused::All);
    assert_eq!(shared.to_resume(), [Paused::All]);
    (0..1000).for_each(|number| shared.resume(Paused::Route(number.to_string())));
    assert_eq!(shared.to_resume().len(), 64);
}
