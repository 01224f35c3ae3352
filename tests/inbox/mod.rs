//! The inbox: events are stored before their sender gets an answer, and delivered afterwards.

mod answers;
mod commands;
mod delivery;
#[cfg(feature = "jetstream")]
mod nats_connection;
#[cfg(feature = "jetstream")]
mod nats_jwt;
mod settings;
#[cfg(feature = "jetstream")]
mod shared_replays;
mod store;
pub mod support;
