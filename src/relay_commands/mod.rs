//! What `clawgate relay` does: shows the request that a target would get for an event, and sends it once.
//!
//! | file | what is there |
//! | --- | --- |
//! | `run.rs` | reads settings and event, makes the request, prints the result |
//! | `outgoing.rs` | the request, without its credential |
//! | `outcome.rs` | what came of sending it |
//!
//! Nothing is stored, and no clawgate need be running.

mod error;
mod outcome;
mod outgoing;
mod run;

pub use self::error::CommandError;
pub use self::run::run;
