//! The pooled HTTP/1.1 client towards an upstream.

mod target;

pub use target::{Target, TargetError};
