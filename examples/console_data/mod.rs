//! Much for the console to show: 200 refusals, 1,000 clients, 10,000 events.

use std::time::{Duration, SystemTime};

use clawgate::console::ConsoleData;
use clawgate::console::data::{
    Client, DenylistAccess, Doctor, Expiring, InboxData, Refusal, SignatureRefusal,
};
use clawgate::console::history::{PerRoute, Sample};
use clawgate::inbox::{DeadReason, EventId, EventState, EventSummary, RouteTotals};
use serde_json::json;

/// As much as the console keeps or reads. All names are variations of `long`.
pub(super) fn large(long: &str) -> ConsoleData {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let refusal = |number: usize| {
        Refusal::of(&json!({
            "timestamp": "2027-01-15T07:59:00.000Z",
            "reason": "client_cert_expired",
            "detail": format!("{long} {number} (serial 4dce6f07f2a16fdbc0234ae98557e04dc2a49bbf) expired 24 hours ago"),
            "hint": "renew the client's certificate; if it should be valid, check clawgate's clock",
            "peer": format!("192.0.2.{}:4711", number % 250),
            "client_cert": {
                "subject": format!("{long} {number}"),
                "issuer": "CN=Test Intermediate",
                "fingerprint_sha256": format!("{number:064x}"),
                "not_after": "2027-01-14T08:00:00Z",
                "san": ["dns:one.example", "uri:spiffe://example/two"],
            },
        }))
    };
    let event = |number: u8| EventSummary {
        seq: number.into(),
        id: EventId::new(now, [number; 10]),
        route: "/hooks/agent".to_owned(),
        principal: long.to_owned(),
        key: None,
        state: EventState::Dead,
        received: now - Duration::from_secs(60),
        next_at: None,
        ended: Some(now),
        tries: 8,
        reason: Some(DeadReason::TooManyAttempts),
        size: 2048,
    };
    let client = |number: i64| Client {
        subject: format!("{long} {number}"),
        fingerprint: format!("{number:064x}"),
        last: 1_799_999_000 + number,
        not_after: 1_800_900_000 + number,
    };
    let expiring = |number: i64| Expiring {
        kind: "client",
        name: format!("{long} {number}"),
        at: 1_800_900_000 + number,
    };
    let totals = RouteTotals {
        route: "/hooks/agent".to_owned(),
        waiting: 0,
        delivered: 0,
        dead: 10_000,
        bytes: 20_480_000,
        oldest_waiting: None,
    };
    let inbox = InboxData {
        delivering: true,
        routes: vec![totals],
        dead: (0..200).map(event).collect(),
        latest: (0..200).map(event).collect(),
        ..InboxData::default()
    };
    let failed = SignatureRefusal {
        at: Some(now),
        route: "/hooks/signed".to_owned(),
        cause: "other_secret".to_owned(),
        detail: "it fits none of the secrets".to_owned(),
        hint: "compare the secret with the sender's".to_owned(),
    };
    let route = PerRoute { route: "/hooks/signed".to_owned(), valid: 7, ..PerRoute::default() };
    let sample = |number: u32| Sample {
        rate: f64::from(number),
        failures: u64::from(number) % 7,
        latency_ms: f64::from(number) * 0.37,
    };
    ConsoleData {
        now,
        uptime: Duration::from_secs(86400),
        generation: 3,
        connections: 700,
        draining: false,
        reload_failed: None,
        needs_restart: Vec::new(),
        refusals: (0..200).map(refusal).collect(),
        signature_refusals: vec![failed; 200],
        expiring: (0..1024).map(expiring).collect(),
        routes: vec![route; 20],
        duplicates: vec![("/hooks/agent".to_owned(), 12)],
        inbox: Some(inbox),
        clients: (0..1000).map(client).collect(),
        doctor: Doctor::default(),
        targets: Vec::new(),
        samples: (0..120).map(sample).collect(),
        denylist: DenylistAccess::Append,
        client_url: Some("https://gate.example:8443/hooks/".to_owned()),
        nonce: "0".repeat(32),
        query: String::new(),
        outcome: None,
    }
}
