//! Integration tests: the real binary, real sockets, certificates made on the spot.
//!
//! One module for each behaviour; a test's name is a sentence about it. Nothing here sleeps for a
//! result: what is waited for is polled, with a deadline (`support::eventually`).

mod admin;
mod diagnosis;
mod drain;
mod layers;
mod misconfigured;
mod passing;
mod support;
mod upstream;
