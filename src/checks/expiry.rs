//! Warnings before certificates, CAs and CRLs expire.

use std::collections::HashMap;

use crate::config::Reloadable;
use crate::identity::client_cert_inventory::SeenCertificate;
use crate::identity::{Certificate, Validity, unix_rfc3339};
use crate::relay::settings::Auth;

const DAY: i64 = 24 * 60 * 60;
/// A warning is logged at each of these numbers of days before the end.
const STAGES: [i64; 4] = [30, 14, 7, 1];

/// Something that expires. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expiring {
    pub(crate) kind: Kind,
    /// Subject, or issuer of a revocation list.
    pub(crate) name: String,
    /// Distinguishes it from others with the same name.
    pub(crate) mark: String,
    pub(crate) validity: Validity,
}

/// What expires.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Kind {
    ServerCertificate,
    /// Which clawgate shows to upstreams and targets.
    OwnClientCertificate,
    ClientCa,
    Crl,
    ClientCertificate,
}

/// Everything that expires: first from the settings, then the certificates of clients.
pub(crate) fn all(settings: &Reloadable, seen: Vec<SeenCertificate>) -> Vec<Expiring> {
    let material = &settings.material;
    let certificate = |kind| {
        move |certificate: &Certificate| Expiring {
            kind,
            name: certificate.subject.clone(),
            mark: certificate.fingerprint_sha256.clone(),
            validity: certificate.validity,
        }
    };
    let own = material.own.iter().map(|own| &own.certificate);
    let own = own.map(certificate(Kind::ServerCertificate));
    let shown = certificates_shown(settings);
    let shown = shown.iter().map(certificate(Kind::OwnClientCertificate));
    let cas = material.trust.cas.iter().map(|ca| Expiring {
        kind: Kind::ClientCa,
        name: ca.subject.clone(),
        mark: ca.spki_sha256.clone(),
        validity: ca.validity(),
    });
    let crls = material.trust.crls.iter().map(|crl| Expiring {
        kind: Kind::Crl,
        name: crl.issuer.clone(),
        mark: crl.file_name(),
        validity: crl.validity(),
    });
    let clients = seen.into_iter().map(|seen| Expiring {
        kind: Kind::ClientCertificate,
        name: seen.subject,
        mark: seen.fingerprint_sha256,
        validity: seen.validity,
    });
    own.chain(shown).chain(cas).chain(crls).chain(clients).collect()
}

/// The certificates that clawgate shows to upstreams and targets, each once.
fn certificates_shown(settings: &Reloadable) -> Vec<Certificate> {
    let upstreams = settings.routes.iter().filter_map(|route| route.upstream.secure.as_ref());
    let endpoints = settings.relay.targets.iter().flat_map(|target| {
        let tokens = match &target.auth {
            Auth::ClientCredentials { endpoint, .. } => Some(&**endpoint),
            _ => None,
        };
        std::iter::once(&target.endpoint).chain(tokens)
    });
    let all = upstreams.chain(endpoints.filter_map(|endpoint| endpoint.tls.as_ref()));
    let leaves = all.filter_map(|tls| tls.identity.as_ref()?.cert.first());
    let mut shown: Vec<_> = leaves.filter_map(Certificate::read).collect();
    shown.sort_by(|a, b| a.fingerprint_sha256.cmp(&b.fingerprint_sha256));
    shown.dedup_by(|a, b| a.fingerprint_sha256 == b.fingerprint_sha256);
    shown
}

/// Which warnings have been logged.
#[derive(Debug, Default)]
pub(crate) struct ExpiryLog(HashMap<(Kind, String, String), Logged>);

#[derive(Clone, Copy, Debug)]
struct Logged {
    stage: i64,
    at: i64,
}

impl ExpiryLog {
    /// Those of `all` for which a warning is due at `now`: one in each stage, and one a day after the end.
    ///
    /// Forgets items that are not in `all`, so that memory is bounded.
    pub(crate) fn due(&mut self, all: Vec<Expiring>, now: i64) -> Vec<Expiring> {
        let mut logged = HashMap::with_capacity(self.0.len());
        let mut due = Vec::new();
        for expiring in all {
            let Some(stage) = expiring.stage(now) else { continue };
            let key = (expiring.kind, expiring.name.clone(), expiring.mark.clone());
            let before = self.0.get(&key).copied();
            let again = match before {
                None => true,
                Some(before) => before.stage > stage || (stage == 0 && now - before.at >= DAY),
            };
            logged.insert(key, before.filter(|_| !again).unwrap_or(Logged { stage, at: now }));
            if again {
                due.push(expiring);
            }
        }
        self.0 = logged;
        due
    }
}

impl Expiring {
    /// The stage that has begun: 0 after the end, `None` before the first.
    ///
    /// A stage longer than a third of the validity is left out. Otherwise there would always be a warning about a CRL
    /// that is issued every week, or a certificate for a day.
    fn stage(&self, now: i64) -> Option<i64> {
        let Validity { from, until } = self.validity;
        if self.has_expired(now) {
            return Some(0);
        }
        let life = until.saturating_sub(from);
        let begun = |days: &i64| until - now <= days * DAY && days * DAY <= life / 3;
        STAGES.into_iter().rev().find(begun)
    }

    pub(crate) fn has_expired(&self, now: i64) -> bool {
        now > self.validity.until
    }

    /// Whole days; negative after the end.
    pub(crate) fn days_left(&self, now: i64) -> i64 {
        self.validity.until.saturating_sub(now).div_euclid(DAY)
    }

    pub(crate) fn detail(&self, now: i64) -> String {
        let what = match self.kind {
            Kind::ServerCertificate => "clawgate's certificate",
            Kind::OwnClientCertificate => "the certificate that clawgate shows to upstreams,",
            Kind::ClientCa => "the client CA",
            Kind::Crl => "the CRL of",
            Kind::ClientCertificate => "the certificate of the client",
        };
        let (name, until) = (&self.name, self.until());
        match (self.has_expired(now), self.days_left(now)) {
            (true, _) => format!("{what} {name} has expired: it was valid until {until}"),
            (false, 0) => format!("{what} {name} expires within a day, at {until}"),
            (false, 1) => format!("{what} {name} expires in 1 day, at {until}"),
            (false, days) => format!("{what} {name} expires in {days} days, at {until}"),
        }
    }

    /// The end in RFC 3339.
    pub(crate) fn until(&self) -> String {
        unix_rfc3339(self.validity.until)
    }

    pub(crate) fn hint(&self) -> &'static str {
        match self.kind {
            Kind::ServerCertificate => {
                "renew it and write it to its file: clawgate reloads the file, and clients refuse an expired certificate"
            }
            Kind::OwnClientCertificate => {
                "renew it and write it to its file: clawgate reloads the file, and upstreams refuse an expired certificate"
            }
            Kind::ClientCa => {
                "add its successor to clients.ca now, issue new client certificates with the successor, then remove the old CA"
            }
            Kind::Crl => {
                "fetch the next one of that CA; clients.crl_expired decides what happens when this one is out of date"
            }
            Kind::ClientCertificate => "ask the client to renew it: an expired certificate is refused",
        }
    }
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ServerCertificate => "server_certificate",
            Self::OwnClientCertificate => "own_client_certificate",
            Self::ClientCa => "client_ca",
            Self::Crl => "crl",
            Self::ClientCertificate => "client_certificate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(days: i64) -> Expiring {
        Expiring {
            kind: Kind::ServerCertificate,
            name: "CN=clawgate".to_owned(),
            mark: "x".to_owned(),
            validity: Validity { from: 0, until: days * DAY },
        }
    }

    /// The days of a certificate's validity on which there is a warning.
    fn warned_on(certificate: &Expiring, days: i64) -> Vec<i64> {
        let mut log = ExpiryLog::default();
        let hours = 0..days * 24;
        let warned = |hour: &i64| !log.due(vec![certificate.clone()], hour * 3600 + 1).is_empty();
        hours.filter(warned).map(|hour| hour / 24).collect()
    }

    #[test]
    fn warnings_come_30_14_7_and_1_days_before_the_end_and_daily_after_it() {
        assert_eq!(warned_on(&certificate(100), 103), [70, 86, 93, 99, 100, 101, 102]);
    }

    #[test]
    fn a_short_validity_has_fewer_warnings() {
        assert_eq!(warned_on(&certificate(7), 7), [6]);
        assert_eq!(warned_on(&certificate(1), 1), [0; 0]);
    }

    #[test]
    fn a_renewed_certificate_has_warnings_of_its_own_and_the_old_one_is_forgotten() {
        let mut log = ExpiryLog::default();
        let now = 99 * DAY;
        assert_eq!(log.due(vec![certificate(100)], now).len(), 1);
        let renewed = Expiring { mark: "y".to_owned(), ..certificate(100) };
        assert_eq!(log.due(vec![renewed.clone()], now), [renewed]);
        assert_eq!(log.0.len(), 1);
    }
}
