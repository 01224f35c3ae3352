//! Whether clawgate can do its work, and what there is to know beside that.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::config::Reloadable;
use crate::identity::time::unix_seconds;
use crate::identity::{Validity, unix_rfc3339};
use crate::upstream::Target;
use crate::wording;

/// How long an upstream may take to accept a connection.
const PATIENCE: Duration = Duration::from_millis(500);

/// What readiness depends on, of one generation.
#[derive(Clone, Debug, Default)]
pub(super) struct Readiness {
    /// clawgate's certificates by subject.
    certificates: Vec<(String, Validity)>,
    cas: Vec<(String, Validity)>,
    /// Certificates that are let in without a CA.
    pinned: usize,
    /// Revocation lists by issuer.
    crls: Vec<(String, Validity)>,
    upstreams: Vec<Target>,
}

/// The answer.
pub(super) struct Answer {
    pub(super) is_ready: bool,
    /// A line for people.
    pub(super) text: String,
}

impl Readiness {
    pub(crate) fn of(settings: &Reloadable) -> Self {
        let material = &settings.material;
        let trust = &material.trust;
        let mut upstreams: Vec<Target> = Vec::new();
        for route in &settings.routes {
            if !upstreams.contains(&route.upstream.target) {
                upstreams.push(route.upstream.target.clone());
            }
        }
        let own = material.own.iter().map(|own| &own.certificate);
        Self {
            certificates: own.map(|own| (own.subject.clone(), own.validity)).collect(),
            cas: trust.cas.iter().map(|ca| (ca.subject.clone(), ca.validity())).collect(),
            pinned: trust.pinned.len(),
            crls: trust.crls.iter().map(|crl| (crl.issuer.clone(), crl.validity())).collect(),
            upstreams,
        }
    }

    /// Ready is a gate that clients can trust and that can trust some client: it has a certificate that is
    /// valid, and a CA (or a pinned certificate). That an upstream is away is told, but is no reason to
    /// send clients elsewhere: they are answered with 503, and come back.
    pub(super) fn verdict(&self) -> Answer {
        let now = unix_seconds(SystemTime::now());
        let valid = |list: &[(String, Validity)]| list.iter().any(|(_, validity)| holds(*validity, now));
        let mut reasons = Vec::new();
        if !valid(&self.certificates) {
            reasons.push("no certificate of clawgate is valid");
        }
        if !valid(&self.cas) && self.pinned == 0 {
            reasons.push("no client CA is valid");
        }
        let text = match reasons.as_slice() {
            [] => "ready\n".to_owned(),
            reasons => format!("not ready: {}\n", reasons.join("; ")),
        };
        Answer { is_ready: reasons.is_empty(), text }
    }

    /// The dates that it depends on, and whether the upstreams take connections.
    pub(super) async fn details(&self) -> String {
        let now = unix_seconds(SystemTime::now());
        let mut text = String::new();
        let lists = [
            ("certificate", &self.certificates),
            ("client CA", &self.cas),
            ("revocation list of", &self.crls),
        ];
        for (kind, list) in lists {
            for (name, validity) in list {
                let (from, until) = (unix_rfc3339(validity.from), unix_rfc3339(validity.until));
                // Writing to a string does not fail.
                let _ = match holds(*validity, now) {
                    true => writeln!(text, "{kind} {name}: valid until {until}"),
                    false => {
                        writeln!(text, "{kind} {name}: NOT valid now, but from {from} until {until}")
                    }
                };
            }
        }
        for target in &self.upstreams {
            let _ = writeln!(text, "upstream {target}: {}", reach(target).await);
        }
        text
    }
}

fn holds(validity: Validity, now: i64) -> bool {
    (validity.from..=validity.until).contains(&now)
}

async fn reach(target: &Target) -> String {
    let connected = match target {
        Target::Http { host, port } | Target::Https { host, port } => {
            timeout(PATIENCE, TcpStream::connect((host.as_str(), *port))).await.map(|tcp| tcp.map(drop))
        }
        Target::Unix(path) => {
            timeout(PATIENCE, UnixStream::connect(path)).await.map(|unix| unix.map(drop))
        }
        Target::Echo => return "clawgate itself".to_owned(),
    };
    match connected {
        Ok(Ok(())) => "takes connections".to_owned(),
        Ok(Err(error)) => format!("takes no connections: {}", wording::io(&error)),
        Err(_) => format!("takes no connection within {} ms", PATIENCE.as_millis()),
    }
}
