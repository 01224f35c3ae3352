//! Ending well: what has begun is finished, nothing new begins.

mod force;
mod lossless;
mod orderly;
