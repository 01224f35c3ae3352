//! The settings.

mod args;
mod environment;
mod file;
pub mod keys;
mod layers;
mod problem;
mod secret;
mod suggest;
mod units;

pub use args::SettingsArgs;
pub use environment::Environment;
pub use problem::{Origin, Problem, Problems};
pub use secret::{HookToken, TokenError};
