//! The store in an SQLite database, built in.
//!
//! | file | what is there |
//! | --- | --- |
//! | `sqlite_store.rs` | [`SqliteStore`] |
//! | `open.rs`, `connect.rs`, `schema.rs` | opens the database: its files, settings and tables |
//! | `lock.rs` | which of several processes delivers |
//! | `writer.rs`, `batch.rs` | the thread that writes: all that has gathered goes into one transaction |
//! | `append.rs`, `outcomes.rs`, `change.rs` | what it writes: new events, tries, changes of an operator |
//! | `counts.rs` | totals, kept up to date in the same transactions |
//! | `reader.rs`, `queries.rs`, `list.rs`, `filter.rs` | the thread that reads, and what it is asked |
//! | `space.rs` | how much space is used and left |
//! | `encode/` | how requests and times are written |
//! | `fault.rs` | errors of SQLite |

mod append;
mod batch;
mod change;
mod connect;
mod counts;
mod encode;
mod fault;
mod filter;
mod list;
mod lock;
mod open;
mod outcomes;
mod queries;
mod reader;
mod schema;
mod space;
mod sqlite_store;
mod writer;

pub use self::open::{OpenError, Opened};
pub use self::sqlite_store::SqliteStore;
