//! Integration tests: the real binary, real sockets, certificates made on the spot.
//!
//! Each behaviour has its module; the name of a test is a sentence about it. Tests do not sleep to wait for a
//! result: what is waited for is polled, with a deadline (`support::eventually`).

#![allow(unreachable_pub, reason = "`pub` is what the test kit offers to the tests")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is how a test fails")]

mod addresses;
mod admin;
mod ambiguous_requests;
mod authorization;
mod bodies;
mod console;
mod denylist;
mod diagnosis;
mod docs_e2e;
mod doctor;
mod documentation;
mod drain;
mod expiry;
mod explain;
mod forwarding;
mod half_close;
mod headers;
mod hostile;
mod http2;
mod identity_headers;
mod inbox;
mod layers;
mod limits;
mod links;
mod logging;
mod malformed_http2;
mod metrics;
mod names;
#[cfg(feature = "otlp")]
mod otlp;
mod parameters;
mod pinned;
mod pipelining;
mod proxy_protocol;
mod refuse_with_http;
mod relay;
mod relay_commands;
mod reload;
mod repeats;
mod resumption;
mod revocation;
mod routes;
mod sandbox;
mod scripts;
mod server_certificates;
mod service;
mod settings;
mod shape;
mod signatures;
mod signing;
mod stapling;
mod takeover;

mod support;
mod terminal;
mod tls;
mod trace;
mod unread_bodies;
mod upstream;
mod vocabulary;
