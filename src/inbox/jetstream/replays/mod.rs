//! The delivered requests of routes without an inbox, for several instances: so that a request that somebody has recorded is used once,
//! whichever instance gets it.
//!
//! | file | what is there |
//! | --- | --- |
//! | `record.rs` | the subjects of the stream, and what its messages say |
//! | `stream.rs` | the stream on the servers |
//! | `shared.rs` | what requests and the thread share: the connection, and whether NATS is asked |
//! | `protocol.rs` | how a request is claimed, confirmed and released |
//! | `claim.rs` | the claim of one request, [`JetStreamReplays`] |
//! | `session.rs` | the thread on which the connection lives |
//!
//! The stream has one message for each request: `NAME.replay.MARK` says that it is in progress, delivered, or released. Each message is
//! written only if the last one of its subject is the one that the writer knows. The connection is one of its own, so that large events
//! for the inbox do not delay claims. While NATS does not answer, requests go on with what the instance itself remembers.

mod claim;
mod protocol;
mod record;
mod session;
mod shared;
mod stream;

pub use self::claim::JetStreamReplays;
pub(super) use self::shared::stream_of;
