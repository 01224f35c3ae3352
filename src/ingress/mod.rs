//! The way in: sockets, connections, requests.

mod admission;
mod body;
mod bucket;
mod capacity;
mod connection;
mod echo;
mod gate;
mod headers;
mod host;
mod http1;
mod http1_guard;
mod http2;
mod linger;
pub mod listener;
mod objections;
mod onward;
mod polite;
mod refusals;
mod rejection;
mod request;
mod requests;
mod seldom;
mod share;
mod streams;
pub mod unadmitted;
mod undelivered;
mod untrusted;
mod watched;

pub use capacity::Capacity;
pub use connection::Reception;
pub use gate::{Backend, Gate, Generation, Upstream};
pub use http1_guard::{Guard, Violation};
pub use objections::Objections;
pub use refusals::Refusals;
pub use share::Shares;
