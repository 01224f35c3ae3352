//! Changes of stored events, and the end of pauses.

use crate::admin::inbox::InboxStatus;
use crate::console::Action;
use crate::dispatch::Paused;
use crate::inbox::{EventId, EventState, Filter, StoreError};

/// What was done, or why not, as a sentence.
pub(super) type Done = Result<String, String>;

/// How many events are changed in one transaction.
const AT_ONCE: usize = 500;

fn failed(error: StoreError) -> String {
    error.to_string()
}

/// Changes one event.
pub(super) async fn change(inbox: &InboxStatus, action: Action, target: &str) -> Done {
    let id: EventId = target.parse().map_err(|error| format!("{target}: {error}"))?;
    let done = apply(inbox, action, Filter { ids: vec![id], ..Filter::default() }, 1).await? > 0;
    inbox.count().await;
    match (done, action) {
        (true, Action::Replay) => Ok(format!("Event {id} waits for its delivery again.")),
        (true, Action::Drop) => Ok(format!("Event {id} is removed.")),
        (true, _) => Ok(format!("Event {id} is forgotten.")),
        (false, Action::Replay) => {
            Err(format!("Event {id} waits already, or its request is not stored any more."))
        }
        (false, _) => Err(format!("There is no event {id} any more.")),
    }
}

/// Changes all dead events of a route. Each is looked at once, so that one which dies again meanwhile is left as it is.
pub(super) async fn change_all(inbox: &InboxStatus, action: Action, route: &str) -> Done {
    let mut filter =
        Filter { route: Some(route.to_owned()), state: Some(EventState::Dead), ..Filter::default() };
    let (mut seen, mut changed) = (0, 0);
    let outcome = loop {
        let dead = match inbox.store().list(filter.clone(), AT_ONCE).await {
            Ok(dead) => dead,
            Err(error) => break Err(failed(error)),
        };
        let Some(last) = dead.last() else { break Ok(()) };
        filter.before_seq = Some(last.seq);
        let ids: Vec<_> = dead.iter().map(|event| event.id).collect();
        seen += ids.len();
        let some = Filter { ids, state: Some(EventState::Dead), ..Filter::default() };
        match apply(inbox, action, some, AT_ONCE).await {
            Ok(count) => changed += count,
            Err(error) => break Err(error),
        }
    };
    inbox.count().await;
    let done = match action {
        Action::ReplayAll => format!("{changed} events of {route} wait for their delivery again"),
        Action::DropAll => format!("{changed} events of {route} are removed"),
        _ => format!("{changed} events of {route} are forgotten"),
    };
    let left = seen - changed;
    match outcome {
        Err(error) => Err(format!("{done}, and then {error}.")),
        Ok(()) if seen == 0 => Err(format!("No event of {route} is dead any more.")),
        Ok(()) if left > 0 => Ok(format!("{done}; {left} are left, whose requests are not stored.")),
        Ok(()) => Ok(format!("{done}.")),
    }
}

async fn apply(
    inbox: &InboxStatus,
    action: Action,
    filter: Filter,
    limit: usize,
) -> Result<usize, String> {
    let store = inbox.store();
    let count = match action {
        Action::Replay | Action::ReplayAll => {
            return store.replay(filter, limit).await.map(|replayed| replayed.len()).map_err(failed);
        }
        Action::Drop | Action::DropAll => store.drop_events(filter, limit).await,
        _ => store.forget(filter, limit).await,
    };
    count.map(|count| usize::try_from(count).unwrap_or(usize::MAX)).map_err(failed)
}

/// Lets a paused upstream or route be tried at once.
pub(super) fn resume(inbox: &InboxStatus, paused: Paused, target: &str) -> Done {
    match inbox.resume(paused) {
        true => Ok(format!("{target} is tried now.")),
        false => Err(format!("{target} is not paused.")),
    }
}
