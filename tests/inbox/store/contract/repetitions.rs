use std::sync::Arc;

use clawgate::inbox::{Appended, Filter, NewEvent, Store, Then};

use crate::inbox::store::support::{due, event, for_route, outcome, with_body};

pub async fn the_same_event_again_is_a_duplicate_of_the_first(store: Arc<dyn Store>) {
    let first = event("k");
    assert_eq!(store.append(first.clone()).await, Ok(Appended::New));

    let again = store.append(event("k")).await;

    assert_eq!(again, Ok(Appended::Duplicate { first: first.id }));
    assert_eq!(due(&*store).await.len(), 1);
}

pub async fn the_same_key_of_another_principal_or_route_is_another_event(store: Arc<dyn Store>) {
    store.append(event("k")).await.unwrap();
    let stranger = NewEvent { principal: Arc::from("signature:github"), ..event("k") };

    assert_eq!(store.append(stranger).await, Ok(Appended::New));
    assert_eq!(store.append(for_route("/hooks/b", event("k"))).await, Ok(Appended::New));
}

pub async fn the_same_key_with_another_body_is_stored_as_its_own_event(store: Arc<dyn Store>) {
    let (first, second) = (event("k"), with_body(b"other", event("k")));
    store.append(first.clone()).await.unwrap();

    let reused = store.append(second.clone()).await;
    let third = store.append(with_body(b"other", event("k"))).await;
    let first_again = store.append(event("k")).await;

    assert_eq!(reused, Ok(Appended::KeyReused { first: first.id }));
    assert_eq!(third, Ok(Appended::Duplicate { first: second.id }));
    assert_eq!(first_again, Ok(Appended::Duplicate { first: first.id }));
    let due = due(&*store).await;
    assert_eq!(due.len(), 2);
    assert_eq!(due[0].idempotency_key, "cg-/hooks/a-k");
    let suffix = due[1].idempotency_key.strip_prefix("cg-/hooks/a-k-").unwrap();
    assert!(suffix.len() == 8 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()), "{suffix}");
}

pub async fn events_without_a_key_are_never_duplicates(store: Arc<dyn Store>) {
    let without = || NewEvent { key: None, ..event("same body") };

    assert_eq!(store.append(without()).await, Ok(Appended::New));
    assert_eq!(store.append(without()).await, Ok(Appended::New));
}

pub async fn a_duplicate_within_one_commit_is_recognised(store: Arc<dyn Store>) {
    let all: Vec<_> = (0..20).map(|_| store.append(event("k"))).collect();
    let mut new = 0;
    for appended in all {
        new += u32::from(appended.await == Ok(Appended::New));
    }

    assert_eq!(new, 1);
    assert_eq!(store.list(Filter::default(), 100).await.unwrap().len(), 1);
}

pub async fn a_delivered_event_again_is_a_duplicate(store: Arc<dyn Store>) {
    let first = event("k");
    store.append(first.clone()).await.unwrap();
    let due = due(&*store).await;
    store.record(vec![outcome(&due[0], 200, Then::Delivered)]).await.unwrap();

    let again = store.append(event("k")).await;

    assert_eq!(again, Ok(Appended::Duplicate { first: first.id }));
}
