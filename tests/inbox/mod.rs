//! The inbox: events are stored before their sender gets an answer, and delivered afterwards.

mod answers;
mod commands;
mod delivery;
#[cfg(feature = "jetstream")]
mod nats_connection;
#[cfg(feature = "jetstream")]
mod nats_jwt;
mod settings;
mod store;
pub mod support;
