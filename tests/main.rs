//! Integration tests: the real binary, real sockets, certificates made on the spot.
//!
//! One module for each behaviour; a test's name is a sentence about it. Nothing here sleeps for a
//! result: what is waited for is polled, with a deadline (`support::eventually`).

mod diagnosis;
mod headers;
mod layers;
mod misconfigured;
mod passing;
mod pipelining;
mod routes;
mod scripts;
mod settings;
mod strict;
mod support;
mod tls;
mod upstream;
