//! What `clawgate inbox` does: lists, shows, replays, removes and exports stored events.
//!
//! | file | what is there |
//! | --- | --- |
//! | `run.rs` | runs a command: finds the database, asks before changes, prints the result |
//! | `list.rs`, `show/`, `stats.rs`, `export.rs` | commands that read |
//! | `select.rs` | which events a command is about, before it changes them |
//! | `change.rs` | replay, drop, forget |
//! | `recover.rs` | what could be taken out of a damaged database |
//! | `record.rs` | events as JSON |
//! | `text.rs` | times, sizes and tables |
//!
//! The commands use a [`Store`](crate::inbox::Store), and work whether or not clawgate runs beside them. They never deliver.

mod change;
mod error;
mod export;
mod list;
mod progress;
mod record;
mod recover;
mod run;
mod select;
mod show;
mod stats;
mod text;

pub use self::error::CommandError;
pub use self::run::run;
