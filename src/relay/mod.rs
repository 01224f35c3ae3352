//! The relay: sends events to APIs of others, so that the caller never has their credentials.
//!
//! Most of what is here decides, and connects to nothing: it is given addresses, answers and the time. Which addresses a target
//! may have is a matter of the connection: [`AddressCheck`](crate::upstream::AddressCheck).
//!
//! | part | what is there |
//! | --- | --- |
//! | `settings.rs` | [`settings::RelaySettings`]: listener and targets |
//! | `target.rs` | [`target::RelayTarget`]: a target in use, which all threads share |
//! | `client.rs` | [`client::TargetClient`]: sends requests to it |
//! | `mapping/` | [`mapping::Mapping`]: the body for the target, of the body of an event |
//! | `protobuf/` | [`protobuf::Protobuf`]: messages of a schema, made of JSON |
//! | `retry/` | [`retry::RetryRules`]: what follows from an answer |
//! | `batch.rs` | [`batch::BatchSettings`]: several events in one request |
//! | `rate.rs` | [`rate::RateLimiter`]: how many requests a target gets |
//! | `idempotency.rs` | [`idempotency::identity`]: by which id a target recognises an event that comes again |
//! | `state.rs` | [`state::TargetState`]: what is known of a target while it is in use |
//! | `credentials/` | [`credentials::Credential`]: how the relay shows a target who it is |

pub mod batch;
pub mod client;
pub mod credentials;
pub mod idempotency;
pub mod mapping;
pub mod protobuf;
pub mod rate;
pub mod retry;
pub mod settings;
pub mod state;
pub mod target;
