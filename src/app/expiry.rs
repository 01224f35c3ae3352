//! What comes to an end, said in time.

use std::collections::HashMap;

use crate::config::Reloadable;
use crate::identity::client_cert_inventory::SeenCertificate;
use crate::identity::{Certificate, Validity, unix_rfc3339};

const DAY: i64 = 24 * 60 * 60;
/// How many days before its end something is told of.
const STAGES: [i64; 4] = [30, 14, 7, 1];

/// Something with an end. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expiring {
    pub(super) kind: Kind,
    /// Subject, or issuer of a revocation list.
    pub(super) name: String,
    /// What tells it from others of the same name.
    pub(super) mark: String,
    pub(super) validity: Validity,
}

/// What it is.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(super) enum Kind {
    ServerCertificate,
    ClientCa,
    Crl,
    ClientCertificate,
}

/// Everything with an end: what the settings name, then what clients came with.
pub(super) fn all(settings: &Reloadable, seen: Vec<SeenCertificate>) -> Vec<Expiring> {
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
    own.chain(cas).chain(crls).chain(clients).collect()
}

/// What has been told already.
#[derive(Debug, Default)]
pub(super) struct Notices(HashMap<(Kind, String, String), Told>);

#[derive(Clone, Copy, Debug)]
struct Told {
    stage: i64,
    at: i64,
}

impl Notices {
    /// What of `all` is to be told at `now`: each once in a stage, and what has expired once a day.
    ///
    /// Only what is in `all` is remembered, so that the memory is as bounded as that.
    pub(super) fn due(&mut self, all: Vec<Expiring>, now: i64) -> Vec<Expiring> {
        let mut told = HashMap::with_capacity(self.0.len());
        let mut due = Vec::new();
        for expiring in all {
            let Some(stage) = expiring.stage(now) else { continue };
            let key = (expiring.kind, expiring.name.clone(), expiring.mark.clone());
            let before = self.0.get(&key).copied();
            let again = match before {
                None => true,
                Some(before) => before.stage > stage || (stage == 0 && now - before.at >= DAY),
            };
            told.insert(key, before.filter(|_| !again).unwrap_or(Told { stage, at: now }));
            if again {
                due.push(expiring);
            }
        }
        self.0 = told;
        due
    }
}

impl Expiring {
    /// The stage that has begun: 0 after the end, `None` long before it.
    ///
    /// A stage longer than a third of the whole life is left out: a list that is issued every week, or a
    /// certificate of a day, would be told of all the time.
    fn stage(&self, now: i64) -> Option<i64> {
        let Validity { from, until } = self.validity;
        if self.has_expired(now) {
            return Some(0);
        }
        let life = until.saturating_sub(from);
        let begun = |days: &i64| until - now <= days * DAY && days * DAY <= life / 3;
        STAGES.into_iter().rev().find(begun)
    }

    pub(super) fn has_expired(&self, now: i64) -> bool {
        now > self.validity.until
    }

    /// Whole days; negative after the end.
    pub(super) fn days_left(&self, now: i64) -> i64 {
        self.validity.until.saturating_sub(now).div_euclid(DAY)
    }

    pub(super) fn detail(&self, now: i64) -> String {
        let what = match self.kind {
            Kind::ServerCertificate => "clawgate's certificate",
            Kind::ClientCa => "the client CA",
            Kind::Crl => "the revocation list of",
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
    pub(super) fn until(&self) -> String {
        unix_rfc3339(self.validity.until)
    }

    pub(crate) fn hint(&self) -> &'static str {
        match self.kind {
            Kind::ServerCertificate => {
                "renew it and write it to its file: clawgate takes it by itself, and clients refuse an expired one"
            }
            Kind::ClientCa => {
                "add its successor to clients.ca now, give clients certificates of that one, then take the old one out"
            }
            Kind::Crl => {
                "fetch the next one of that CA; once it is due, the old one counts as clients.crl_expired says"
            }
            Kind::ClientCertificate => {
                "tell the client to renew its certificate: it is refused afterwards"
            }
        }
    }
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ServerCertificate => "server_certificate",
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
            name: "CN=gate".to_owned(),
            mark: "x".to_owned(),
            validity: Validity { from: 0, until: days * DAY },
        }
    }

    /// The days, counted from the start of a certificate, on which it is told of.
    fn told_on(certificate: &Expiring, days: i64) -> Vec<i64> {
        let mut notices = Notices::default();
        let hours = 0..days * 24;
        let told = |hour: &i64| !notices.due(vec![certificate.clone()], hour * 3600 + 1).is_empty();
        hours.filter(told).map(|hour| hour / 24).collect()
    }

    #[test]
    fn a_certificate_is_told_of_30_14_7_and_1_days_before_its_end_and_daily_after_it() {
        assert_eq!(told_on(&certificate(100), 103), [70, 86, 93, 99, 100, 101, 102]);
    }

    #[test]
    fn what_lives_for_a_short_time_is_not_told_of_all_the_time() {
        assert_eq!(told_on(&certificate(7), 7), [6]);
        assert_eq!(told_on(&certificate(1), 1), [0; 0]);
    }

    #[test]
    fn what_is_gone_is_forgotten_and_another_in_its_place_is_told_of_for_itself() {
        let mut notices = Notices::default();
        let now = 99 * DAY;
        assert_eq!(notices.due(vec![certificate(100)], now).len(), 1);
        let renewed = Expiring { mark: "y".to_owned(), ..certificate(100) };
        assert_eq!(notices.due(vec![renewed.clone()], now), [renewed]);
        assert_eq!(notices.0.len(), 1);
    }
}
