//! What clients may use.

use super::resolver::Resolver;
use crate::config::keys;
use crate::config::layers::Sourced;
use crate::config::problem::Found;
use crate::limits::{Limits, StartupLimits};

pub(super) fn startup(r: &mut Resolver<'_>) -> Found<StartupLimits> {
    Ok(StartupLimits {
        connections: r.value(&keys::CONNECTIONS)?,
        connections_per_source: r.value(&keys::CONNECTIONS_PER_SOURCE)?,
        handshakes: r.value(&keys::HANDSHAKES)?,
        handshake_rate: r.value(&keys::HANDSHAKE_RATE)?,
        idle_timeout: r.value(&keys::IDLE_TIMEOUT)?,
        connection_age: r.value(&keys::CONNECTION_AGE)?,
        buffered_bodies: r.value(&keys::BUFFERED_BODIES)?,
        // More than an address space has is no limit.
        buffered_bytes: usize::try_from(r.value(&keys::BUFFERED_BYTES)?).unwrap_or(usize::MAX),
    })
}

pub(super) fn reloadable(r: &mut Resolver<'_>) -> Found<Limits> {
    check_burst(r);
    Ok(Limits {
        connections_per_identity: r.value(&keys::CONNECTIONS_PER_IDENTITY)?,
        greeting_timeout: r.value(&keys::GREETING_TIMEOUT)?,
        connection_requests: r.value(&keys::CONNECTION_REQUESTS)?,
        head_timeout: r.value(&keys::HEAD_TIMEOUT)?,
        uri: r.value(&keys::URI)?,
        body_timeout: r.value(&keys::BODY_TIMEOUT)?,
        body_rate: r.value(&keys::BODY_RATE)?,
        send_timeout: r.value(&keys::SEND_TIMEOUT)?,
        request_timeout: r.value(&keys::REQUEST_TIMEOUT)?,
        streams: r.value(&keys::STREAMS)?,
        request_rate: r.value(&keys::REQUEST_RATE)?,
        request_burst: r.optional(&keys::REQUEST_BURST)?.and_then(|burst| burst.value),
        requests_at_once: r.value(&keys::REQUESTS_AT_ONCE)?,
        signed_request_rate: r.value(&keys::SIGNED_REQUEST_RATE)?,
        failed_signatures: r.value(&keys::FAILED_SIGNATURES)?,
    })
}

/// A burst without a rate would limit nothing.
fn check_burst(r: &mut Resolver<'_>) {
    let (burst, rate) = (r.optional(&keys::REQUEST_BURST), r.value(&keys::REQUEST_RATE));
    if let (Ok(Some(Sourced { value: Some(_), origin })), Ok(None)) = (burst, rate) {
        let what = "has no effect without limits.request_rate";
        r.report.problem(&origin, what, "set limits.request_rate, or remove this");
    }
}
