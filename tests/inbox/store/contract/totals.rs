use std::sync::Arc;
use std::time::Duration;

use clawgate::inbox::{DeadReason, RouteTotals, Store, Then};

use crate::inbox::store::support::{due, event, for_route, outcome, with_body};

async fn of_route_a(store: &dyn Store) -> RouteTotals {
    let totals = store.totals().await.unwrap();
    totals.routes.into_iter().find(|totals| totals.route == "/hooks/a").unwrap_or_default()
}

pub async fn totals_follow_what_becomes_of_events(store: Arc<dyn Store>) {
    assert!(store.totals().await.unwrap().routes.is_empty());
    for key in ["1", "2", "3"] {
        store.append(with_body(&[b'x'; 10], event(key))).await.unwrap();
    }
    store.append(for_route("/hooks/b", event("b"))).await.unwrap();

    let all = of_route_a(&*store).await;
    assert_eq!((all.waiting, all.delivered, all.dead, all.bytes), (3, 0, 0, 30));
    let events = due(&*store).await;
    let oldest = all.oldest_waiting.unwrap();
    assert_eq!(oldest, events[0].received);

    let outcomes = vec![
        outcome(&events[0], 200, Then::Delivered),
        outcome(&events[1], 400, Then::Dead(DeadReason::Rejected)),
    ];
    store.record(outcomes).await.unwrap();

    let later = of_route_a(&*store).await;
    assert_eq!((later.waiting, later.delivered, later.dead, later.bytes), (1, 1, 1, 20));
    assert_eq!(later.oldest_waiting, Some(events[2].received));
    let totals = store.totals().await.unwrap();
    assert_eq!(totals.routes.len(), 2);
    assert!(totals.used_bytes > 0 && totals.free_bytes > 0, "{totals:?}");
    assert!(later.oldest_waiting.unwrap() - Duration::from_secs(60) < oldest);
}
