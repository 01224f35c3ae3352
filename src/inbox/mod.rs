//! The inbox: events that are stored before their sender gets an answer, and delivered to the upstream afterwards.
//!
//! | file | what is there |
//! | --- | --- |
//! | `credentials.rs` | which header fields are credentials |
//! | `event.rs` | what is stored: an event, its request, the tries to deliver it |
//! | `store.rs` | [`Store`]: what a store of events can do |
//! | `peers.rs` | [`Peers`]: messages between the processes that use one store |
//! | `any_store.rs` | opens the store that the settings name |
//! | `open_replays.rs`, `replay_log.rs` | the delivered requests that several instances know, and what is logged about them |
//! | `settings/` | [`InboxSettings`], [`RouteInbox`] for single routes, and [`JetStreamSettings`] |
//! | `sqlite/` | the store in an SQLite database |
//! | `jetstream/` | the store in NATS JetStream, for several instances (feature `jetstream`) |
//! | `unavailable.rs` | the store for a database that cannot be used |
//!
//! A store promises that an event that it has accepted is not lost, and that the same event of the same sender is accepted once.
//! Which event is delivered when is the task of [`crate::dispatch`].

mod any_store;
mod credentials;
mod encode;
mod event;
#[cfg(feature = "jetstream")]
pub mod jetstream;
mod open_replays;
mod peers;
pub(crate) mod replay_log;
mod settings;
mod sqlite;
mod store;
mod turn;
mod unavailable;

pub use self::any_store::{OpenedStore, StoreOpenError, attach, open};
pub use self::credentials::CREDENTIALS;
pub use self::event::{
    Attempt, DeadReason, Event, EventDetail, EventId, EventState, EventSummary, InvalidEventId,
    NewEvent, StoredRequest,
};
pub use self::open_replays::open_replays;
pub use self::peers::{MAX_PEER_MESSAGE, Peers, PeersOfStore};
pub use self::settings::nats::{
    InvalidMonitoring, InvalidServer, InvalidStreamName, JetStreamSettings, NatsCredentials,
    NatsMonitoring, NatsServer, check_stream_name,
};
pub use self::settings::nats_credentials::{CredentialError, MAX_CREDENTIALS_FILE};
pub use self::settings::{InboxSettings, OnCorrupt, Order, RouteInbox, StorePlace};
pub use self::sqlite::{OpenError, Opened, Recovered, SqliteStore};
pub use self::store::{
    Appended, Due, Filter, Next, Outcome, RouteTotals, Store, StoreError, StoreFuture, StoreTotals, Then,
};
pub use self::unavailable::UnavailableStore;
