//! The way in: sockets, connections, requests.

mod connection;
pub(crate) mod drain_request_body;
mod exchange;
mod guarded_io;
mod http1;
mod http2;
mod http2_streams;
mod http2_trailers;
mod lingering_close;
pub mod listener;
mod poll_on_wake;
mod refusal_over_http;
mod rejected_connections;
pub mod requests;
pub(crate) mod response_body;
pub mod unadmitted;
mod unused_connections;

pub use self::connection::ConnectionHandler;
pub use self::rejected_connections::RejectedConnections;
pub use self::unused_connections::UnusedConnections;
