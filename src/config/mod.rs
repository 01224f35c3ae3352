//! The settings.

mod problem;
mod secret;
mod suggest;
mod units;

pub use problem::{Origin, Problem, Problems};
pub use secret::{HookToken, TokenError};
