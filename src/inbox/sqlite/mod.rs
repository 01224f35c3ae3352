//! The store in an SQLite database, built in.
//!
//! | file | what is there |
//! | --- | --- |
//! | `sqlite_store.rs` | [`SqliteStore`] |
//! | `open.rs`, `connect.rs`, `schema.rs`, `names.rs` | opens the database: its files, settings and tables |
//! | `place.rs`, `damage.rs` | what is checked before: who may read the files, the file system, damage |
//! | `lock.rs` | which of several processes delivers |
//! | `writer.rs`, `batch.rs` | the thread that writes: all that has gathered goes into one transaction |
//! | `append.rs`, `outcomes.rs`, `change.rs` | what it writes: new events, tries, changes of an operator |
//! | `recent/` | the marks of the latest events, by which repetitions are recognised |
//! | `counts.rs` | totals, kept up to date in the same transactions |
//! | `reader.rs`, `queries.rs`, `list.rs`, `filter.rs` | the thread that reads, and what it is asked |
//! | `unreadable.rs` | events whose request cannot be read |
//! | `room.rs`, `space.rs` | the limits, and how much space is used and left |
//! | `upkeep.rs`, `prune.rs`, `checkpoints.rs` | what is done now and then: old events are removed, the WAL is moved into the database |
//! | `recover.rs`, `restore.rs` | reads a damaged database |
//! | `encode/` | how requests and times are written |
//! | `fault.rs` | errors of SQLite |

mod append;
mod batch;
mod change;
mod checkpoints;
mod connect;
mod counts;
mod damage;
mod fault;
mod filter;
mod list;
mod lock;
mod names;
mod open;
mod outcomes;
mod place;
mod prune;
mod queries;
mod reader;
mod recent;
mod recover;
mod restore;
mod room;
mod schema;
mod space;
mod sqlite_store;
mod unreadable;
mod upkeep;
mod writer;

pub use self::open::{OpenError, Opened};
pub use self::recover::Recovered;
pub use self::sqlite_store::SqliteStore;
