//! What every store must do. Each test is a function of a store; [`contract!`] makes a test of it for each kind of store.

mod batches;
mod changes;
mod delivery;
mod repetitions;
mod totals;

#[cfg(feature = "jetstream")]
use std::path::Path;
use std::sync::Arc;

use clawgate::inbox::Store;
#[cfg(feature = "jetstream")]
use clawgate::inbox::{InboxSettings, StorePlace, jetstream::JetStreamStore};

use super::support::open;
#[cfg(feature = "jetstream")]
use super::support::settings;
#[cfg(feature = "jetstream")]
use crate::support::nats::NatsServer;
use crate::support::private_folder;

macro_rules! contract {
    ($($topic:ident::$name:ident,)*) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    super::in_sqlite(super::$topic::$name).await;
                }
            )*
        }

        #[cfg(feature = "jetstream")]
        mod jetstream {
            $(
                #[tokio::test]
                async fn $name() {
                    super::in_jetstream(super::$topic::$name).await;
                }
            )*
        }
    };
}

/// Runs a test with an SQLite database.
async fn in_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Arc<dyn Store>) -> F) {
    let folder = private_folder();
    test(Arc::new(open(folder.path()))).await;
}

/// Runs a test with a stream of its own in NATS JetStream.
#[cfg(feature = "jetstream")]
async fn in_jetstream<F: Future<Output = ()>>(test: impl FnOnce(Arc<dyn Store>) -> F) {
    let nats = NatsServer::shared().stream();
    let place = StorePlace::JetStream(Arc::new(nats.clone()));
    let settings = InboxSettings { place, ..settings(Path::new("")) };
    test(Arc::new(JetStreamStore::open(&settings, &nats).unwrap())).await;
}

contract! {
    repetitions::the_same_event_again_is_a_duplicate_of_the_first,
    repetitions::the_same_key_of_another_principal_or_route_is_another_event,
    repetitions::the_same_key_with_another_body_is_stored_as_its_own_event,
    repetitions::events_without_a_key_are_never_duplicates,
    repetitions::a_duplicate_within_one_commit_is_recognised,
    repetitions::a_delivered_event_again_is_a_duplicate,
    delivery::a_stored_event_is_due_with_everything_that_was_stored,
    delivery::events_are_due_in_the_order_of_arrival,
    delivery::events_of_other_routes_are_not_due,
    delivery::an_event_under_way_is_not_due,
    delivery::at_most_the_wanted_number_is_due,
    delivery::an_event_that_is_tried_again_is_not_due_before_its_time,
    delivery::an_event_that_is_tried_again_does_not_hold_up_the_others,
    delivery::in_strict_order_the_first_event_holds_up_the_others,
    delivery::tries_that_do_not_count_are_kept_but_not_counted,
    delivery::a_delivered_event_is_not_due_any_more_and_its_request_is_removed,
    delivery::a_dead_event_is_not_due_any_more_and_keeps_its_request,
    delivery::a_time_that_only_a_wrong_clock_can_have_set_is_due,
    delivery::the_next_times_of_a_route_are_those_of_its_earliest_and_its_first_event,
    delivery::those_who_wait_for_changes_learn_of_a_new_event,
    delivery::only_one_store_may_deliver,
    batches::the_events_of_a_batch_are_found_by_its_number_and_others_are_in_none,
    batches::a_batch_keeps_its_events_while_they_are_tried_again,
    batches::half_of_a_batch_becomes_another_batch,
    batches::an_event_that_does_not_wait_any_more_is_in_no_batch,
    totals::totals_follow_what_becomes_of_events,
    changes::a_list_has_the_newest_event_first_and_goes_on_after_its_last,
    changes::a_filter_means_the_events_that_meet_all_of_its_conditions,
    changes::a_replayed_event_waits_again_with_a_new_idempotency_key,
    changes::events_that_wait_or_have_no_request_are_not_replayed,
    changes::a_dropped_event_is_gone_but_is_still_recognised,
    changes::a_forgotten_event_is_gone_and_is_not_recognised_any_more,
    changes::a_dropped_event_can_be_forgotten,
    changes::the_outcome_of_an_event_that_was_dropped_meanwhile_changes_nothing,
}
