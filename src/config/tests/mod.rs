//! The loader as a whole: sources in, settings or problems out.

mod canary;
mod examples;
mod inbox;
mod keys;
mod precedence;
mod problems;
mod relay;
mod routes;
mod rules;
mod secrets;
mod shape;
mod signed_listener;
mod startup;
mod support;
mod trace;
mod verify;
