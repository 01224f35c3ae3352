//! clawgate is an mTLS reverse proxy for webhook endpoints: it terminates TLS, admits only clients whose certificate
//! chains to a configured CA, explains each refusal, and passes verified requests on to an upstream.
//!
//! The binary is the product. The library exists so that tests, fuzz targets and benchmarks can reach the parts; its
//! interface may change with each version. `ARCHITECTURE.md` in the repository has the same journey with all files, the
//! order of the modules, and where to change what.
//!
//! # The journey of a request
//!
//! Each step takes the value that the step before it returned.
//!
//! 1. [`server::listener`] accepts a connection ([`tls::Accepted`]); [`limits::ConnectionLimiter`] permits it.
//! 2. [`tls::detect`] reads the first bytes, after a PROXY header ([`proxy_protocol`]) where one is expected.
//! 3. [`tls::Acceptor`] takes the client through the handshake. Its [`tls::ClientVerifier`] verifies the certificate chain
//!    ([`pki`]) and the rules for clients ([`policy`]). The result is a [`tls::Secured`] stream with the client's
//!    [`identity::Peer`].
//! 4. [`server::ConnectionHandler`] serves the connection with hyper. [`http1_guard`] follows the raw bytes below it.
//! 5. [`pipeline`] takes each request with its [`pipeline::ClientConnection`] and the current [`pipeline::Snapshot`]: it
//!    checks the head, finds the route ([`route`]), authorizes the client ([`policy::Grant`]), and sanitizes the headers.
//!    Only that last step makes an [`upstream::UpstreamRequest`].
//! 6. [`upstream::Client`] takes nothing but such a request, sends it on a pooled connection, and returns the response.
//! 7. [`telemetry::access`] writes one line when the response has been sent.
//!
//! # The journey of a failed handshake
//!
//! 1. [`tls::handshake_record`] holds what was seen of the handshake, and why the verifier refused.
//! 2. [`tls::diagnosis::diagnose`] makes a [`tls::diagnosis::Diagnosis`] of it: reason, detail and hint. It is a pure
//!    function, and decides nothing.
//! 3. [`tls::Report`] has the facts for the log; [`server::RejectedConnections`] counts and logs it.
//! 4. The client gets a TLS alert or, if the settings say so, an HTTP response with the reason.
//!
//! # Start and reload
//!
//! [`config::load`] makes [`config::Settings`] of file, environment and flags, or reports all problems at once.
//! [`app`] starts the workers with them. [`reload`] replaces the [`pipeline::Snapshot`] of each worker as a whole
//! ([`live::Live`]) when files change.

pub mod admin;
pub mod app;
pub mod checks;
pub mod cli;
pub mod config;
pub mod connection;
pub mod console;
pub mod dispatch;
pub mod doctor;
pub mod explain;
pub mod finding;
pub mod generate;
pub mod http1_guard;
pub mod identity;
pub mod inbox;
pub mod inbox_commands;
pub mod limits;
pub mod live;
pub mod pipeline;
pub mod pki;
pub mod platform;
pub mod policy;
pub mod problem;
pub mod problem_details;
pub mod proxy_protocol;
pub mod random;
pub mod relay;
pub mod relay_commands;
pub mod reload;
pub mod route;
pub mod server;
pub mod shaping;
pub mod shutdown;
pub mod signature;
pub mod signing;
pub mod telemetry;
pub mod timer;
pub mod tls;
pub mod top;
pub mod upstream;
pub mod wording;
