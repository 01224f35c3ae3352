//! What the console shows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::dispatch::{Instance, UpstreamState};
use crate::finding::Findings;
use crate::inbox::{EventSummary, RouteTotals};
use crate::relay::state::TargetState;

use super::history::{PerRoute, Sample};

/// What the console shows, at one moment.
#[derive(Debug)]
pub struct ConsoleData {
    /// When it was collected.
    pub now: SystemTime,
    /// How long clawgate has been running.
    pub uptime: Duration,
    /// The generation of settings in use.
    pub generation: u64,
    /// Open connections of clients.
    pub connections: i64,
    /// Whether clawgate is ending.
    pub draining: bool,
    /// The last reload, if it failed.
    pub reload_failed: Option<FailedReload>,
    /// Settings that need a restart.
    pub needs_restart: Vec<String>,
    /// The latest refused connections, the newest first.
    pub refusals: Vec<Refusal>,
    /// The latest requests without a valid signature, the newest first.
    pub signature_refusals: Vec<SignatureRefusal>,
    /// What expires, the soonest first.
    pub expiring: Vec<Expiring>,
    /// Counters of each route whose requests are signed.
    pub routes: Vec<PerRoute>,
    /// Repetitions, by route.
    pub duplicates: Vec<(String, u64)>,
    /// The inbox, if there is one.
    pub inbox: Option<InboxData>,
    /// The clients that were admitted since the start, the last seen first.
    pub clients: Vec<Client>,
    /// What the last run of the checks found.
    pub doctor: Doctor,
    /// The targets of the relay.
    pub targets: Vec<TargetState>,
    /// Request rate, failures and latency of the last hour, the oldest first.
    pub samples: Vec<Sample>,
    /// What the console can do with the denylist.
    pub denylist: DenylistAccess,
    /// What clients call, for the `curl` line.
    pub client_url: Option<String>,
    /// What forms carry, so that no other site can send them.
    pub nonce: String,
    /// What is searched for.
    pub query: String,
    /// What came of the last action.
    pub outcome: Option<Outcome>,
}

/// A reload that failed.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FailedReload {
    /// RFC 3339.
    pub at: String,
    /// What triggered the reload.
    pub origin: &'static str,
    /// What is wrong.
    pub detail: String,
}

/// A refused connection.
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    /// When.
    pub at: Option<SystemTime>,
    /// A stable code.
    pub reason: String,
    /// What is wrong.
    pub detail: String,
    /// What to do.
    pub hint: String,
    /// Its address and port.
    pub peer: String,
    /// Its certificate, if it sent one.
    pub certificate: Option<Shown>,
    /// Whether this certificate was admitted before.
    pub admitted_before: bool,
}

/// A certificate, as the console shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Distinguished name.
    pub subject: String,
    /// The issuer's distinguished name.
    pub issuer: String,
    /// SHA-256 over the DER, hex.
    pub fingerprint: String,
    /// RFC 3339.
    pub not_after: String,
    /// Alternative names.
    pub san: Vec<String>,
}

impl Refusal {
    /// A refusal from the record that the log has of it.
    pub fn of(record: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let shown = |certificate: &Value| Shown {
            subject: text(&certificate["subject"]),
            issuer: text(&certificate["issuer"]),
            fingerprint: text(&certificate["fingerprint_sha256"]),
            not_after: text(&certificate["not_after"]),
            san: certificate["san"].as_array().into_iter().flatten().map(text).collect(),
        };
        Self {
            at: time(&record["timestamp"]),
            reason: text(&record["reason"]),
            detail: text(&record["detail"]),
            hint: text(&record["hint"]),
            peer: text(&record["peer"]),
            certificate: record.get("client_cert").filter(|value| value.is_object()).map(shown),
            admitted_before: false,
        }
    }

    /// Who it was: the subject of the certificate, or the address without the port. A certificate that could not be read has no
    /// subject.
    pub fn client(&self) -> &str {
        match &self.certificate {
            Some(certificate) if !certificate.subject.is_empty() => &certificate.subject,
            _ => self.peer.rsplit_once(':').map_or(&*self.peer, |(address, _)| address),
        }
    }
}

/// A request without a valid signature.
#[derive(Clone, Debug, Default)]
pub struct SignatureRefusal {
    /// When.
    pub at: Option<SystemTime>,
    /// The path of the route.
    pub route: String,
    /// A stable code of the likely cause.
    pub cause: String,
    /// More about the cause.
    pub detail: String,
    /// What to do.
    pub hint: String,
}

impl SignatureRefusal {
    /// A refusal from the record that the log has of it.
    pub fn of(record: &Value) -> Self {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        Self {
            at: time(&record["timestamp"]),
            route: text("route"),
            cause: text("cause"),
            detail: text("detail"),
            hint: text("hint"),
        }
    }
}

fn time(value: &Value) -> Option<SystemTime> {
    humantime::parse_rfc3339(value.as_str()?).ok()
}

/// Something that expires.
#[derive(Clone, Debug)]
pub struct Expiring {
    /// `clawgate`, `clawgate, to upstreams`, `client CA`, `CRL` or `client`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// The inbox.
#[derive(Debug, Default)]
pub struct InboxData {
    /// Why the store cannot be read.
    pub error: Option<String>,
    /// Whether this process delivers.
    pub delivering: bool,
    /// The instance that delivers, if it is known.
    pub deliverer: Option<Instance>,
    /// The damaged database that was set aside.
    pub set_aside: Option<String>,
    /// How much is stored of each route.
    pub routes: Vec<RouteTotals>,
    /// Upstreams, and what is paused.
    pub upstreams: Vec<UpstreamState>,
    /// The routes of which no event is tried now.
    pub paused: Vec<Arc<str>>,
    /// Dead letters, the newest first.
    pub dead: Vec<EventSummary>,
    /// The latest events.
    pub latest: Vec<EventSummary>,
}

impl InboxData {
    /// How many events are dead.
    pub fn dead_count(&self) -> u64 {
        let counted: u64 = self.routes.iter().map(|route| route.dead).sum();
        // The list is newer.
        counted.max(u64::try_from(self.dead.len()).unwrap_or_default())
    }
}

/// A client that was admitted.
#[derive(Clone, Debug)]
pub struct Client {
    /// Distinguished name.
    pub subject: String,
    /// SHA-256 over the DER, hex.
    pub fingerprint: String,
    /// When it was seen last, in seconds since 1970.
    pub last: i64,
    /// When its certificate expires, in seconds since 1970.
    pub not_after: i64,
}

/// The last run of the checks.
#[derive(Clone, Debug, Default)]
pub struct Doctor {
    /// Whether the checks are running.
    pub is_running: bool,
    /// When they ended, and what they found.
    pub last: Option<(SystemTime, Findings)>,
}

/// What the console can do with the denylist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DenylistAccess {
    /// The settings name no file.
    #[default]
    None,
    /// There is a file, which the console may not write: it shows the line.
    ShowLine,
    /// The console may add lines.
    Append,
}

/// What came of an action.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it was done.
    pub is_done: bool,
    /// As a sentence.
    pub text: String,
}
