//! Stores of events. `contract/` has what every store must do; the other files have what SQLite alone can do wrong.

mod contract;
mod crash;
mod damage;
mod disk;
mod files;
#[cfg(feature = "jetstream")]
mod jetstream;
mod limits;
#[cfg(feature = "jetstream")]
mod nats_faults;
#[cfg(feature = "jetstream")]
mod nats_rights;
mod processes;
mod recover;
mod support;
