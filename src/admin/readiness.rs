//! Whether clawgate is ready, and details for the operator.

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
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// What the readiness of one generation depends on.
#[derive(Clone, Debug, Default)]
pub(super) struct Readiness {
    /// clawgate's certificates by subject.
    certificates: Vec<(String, Validity)>,
    cas: Vec<(String, Validity)>,
    /// How many certificates are admitted without a CA.
    pinned: usize,
    /// Revocation lists by issuer.
    crls: Vec<(String, Validity)>,
    upstreams: Vec<Target>,
}

/// The answer.
pub(super) struct Answer {
    pub(super) is_ready: bool,
    /// One line for people.
    pub(super) text: String,
}

impl Readiness {
    pub(super) fn of(settings: &Reloadable) -> Self {
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

    /// clawgate is ready if at least one of its own certificates is valid, and at least one client CA is valid or
    /// `clients.pinned` is not empty. An unreachable upstream is shown, but does not change readiness: clients get 503
    /// and retry.
    pub(super) fn verdict(&self) -> Answer {
        let now = unix_seconds(SystemTime::now());
        let valid =
            |list: &[(String, Validity)]| list.iter().any(|(_, validity)| is_valid(*validity, now));
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

    /// The validity of certificates, CAs and CRLs, and whether the upstreams accept connections.
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
                let _ = match is_valid(*validity, now) {
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

fn is_valid(validity: Validity, now: i64) -> bool {
    (validity.from..=validity.until).contains(&now)
}

async fn reach(target: &Target) -> String {
    let connected = match target {
        Target::Http { host, port } | Target::Https { host, port } => {
            timeout(CONNECT_TIMEOUT, TcpStream::connect((host.as_str(), *port)))
                .await
                .map(|tcp| tcp.map(drop))
        }
        Target::Unix(path) => {
            timeout(CONNECT_TIMEOUT, UnixStream::connect(path)).await.map(|unix| unix.map(drop))
        }
        Target::Echo => return "clawgate itself".to_owned(),
    };
    match connected {
        Ok(Ok(())) => "takes connections".to_owned(),
        Ok(Err(error)) => format!("takes no connections: {}", wording::io(&error)),
        Err(_) => format!("takes no connection within {} ms", CONNECT_TIMEOUT.as_millis()),
    }
}
