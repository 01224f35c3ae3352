//! Sockets and connections: what hyper serves, and how refused connections are closed.
//!
//! Comes in: listening sockets ([`listener::run`]) and the [`ConnectionHandler`] of a worker. Goes out: log lines, metrics,
//! and requests, which `exchange.rs` hands to [`crate::pipeline`]. Imports modules of lower rows only; nothing but
//! [`crate::app`] imports this module.
//!
//! | step | file |
//! | --- | --- |
//! | accept | `listener.rs` |
//! | PROXY header, handshake, limits | `connection.rs` |
//! | refused: log, count, close | `rejected_connections.rs`, `unadmitted.rs`, `refusal_over_http.rs`, `lingering_close.rs` |
//! | admitted: serve requests | `session.rs`, `http1.rs`, `http2.rs`, above `guarded_io.rs` |
//! | drain, age, idleness, revalidation | `lifecycle.rs` |
//! | the listener of the relay | `relay.rs` |
//! | one request | `exchange.rs`, `requests.rs`, `response_body.rs`, `drain_request_body.rs` |

mod connection;
mod drain_request_body;
mod exchange;
mod guarded_io;
mod http1;
mod http2;
mod http2_streams;
mod http2_trailers;
mod lifecycle;
mod lingering_close;
pub mod listener;
mod poll_on_wake;
mod refusal_over_http;
mod rejected_connections;
pub mod relay;
mod requests;
mod response_body;
mod session;
pub mod unadmitted;
mod unused_connections;

pub use self::connection::ConnectionHandler;
pub use self::rejected_connections::RejectedConnections;
pub use self::unused_connections::UnusedConnections;
