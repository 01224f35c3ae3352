//! Ending well: what has begun is finished, nothing new begins.

pub mod attempt;
mod force;
mod lossless;
mod orderly;
mod signals;
