//! The store in a stream of NATS JetStream, for several instances with one inbox.
//!
//! | file | what is there |
//! | --- | --- |
//! | `connect.rs`, `connection_log.rs` | the connection to NATS, and what is logged about it |
//! | `elsewhere.rs` | leaves a server that fails |
//! | `inspect.rs` | what can be said of NATS without storing anything |
//! | `open_error.rs` | why the store cannot be opened |
//! | `store.rs` | the store itself, `JetStreamStore` |
//! | `thread.rs`, `session.rs` | the thread on which the connection lives |
//! | `link.rs` | what the store's methods and that thread share; writes messages |
//! | `stream.rs` | the stream on the servers |
//! | `subjects.rs`, `messages.rs` | the subjects of the stream, and what its messages say |
//! | `follow.rs`, `index/` | what this process knows of the events, and how it learns of them |
//! | `read.rs` | reads single messages |
//! | `append.rs` | stores new events |
//! | `outcomes.rs`, `change.rs` | what becomes of events: by tries, and by operators |
//! | `lease.rs`, `right.rs` | which process delivers |
//! | `exchange.rs` | carries messages to the other processes, and from them |
//! | `upkeep.rs` | removes what need not be remembered any more |
//! | `replays/` | the delivered requests of routes without an inbox, in a stream of their own |
//!
//! There is one stream, and its subjects have one message each. `NAME.event.MARK` is an event; MARK is what it is known by if it comes
//! again, so that the server itself refuses repetitions. `NAME.state.MARK` is what has become of it, if it was not delivered at the
//! first try. When an event is delivered, a message without the request takes its place. Each message is written only if the last one
//! of its subject is the one that the writer knows, so that of two processes that change the same event one does. All processes follow
//! the stream. `NAME.peers` is not in the stream: what is written there, the processes get that run at that moment.

mod append;
mod change;
mod connect;
mod connection_log;
mod elsewhere;
mod exchange;
mod follow;
mod index;
mod inspect;
mod lease;
mod link;
mod messages;
mod open_error;
mod outcomes;
mod read;
mod replays;
mod right;
mod session;
mod store;
mod stream;
mod subjects;
mod thread;
mod upkeep;

pub use self::inspect::{FoundStream, Inspection, inspect};
pub use self::open_error::JetStreamOpenError;
pub use self::replays::JetStreamReplays;
pub use self::store::JetStreamStore;
