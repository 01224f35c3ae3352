//! The admin listener: health, metrics, status.

pub use crate::connection::PlainAddress as AdminAddress;
