//! Shutdown: what has begun is finished, and nothing new begins.

pub mod attempt;
mod force;
mod lossless;
mod orderly;
mod signals;
