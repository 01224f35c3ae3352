//! The certificates of admitted clients, for warnings about their expiry.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::certificate::{Certificate, Validity};

/// Certificates that are kept. If there are more, those that expire latest are dropped.
const CAPACITY: usize = 1024;

/// How long a certificate is kept after it has expired, in seconds: long enough to notice that a refused client was
/// admitted before.
const GRACE: i64 = 14 * 24 * 60 * 60;

/// How long to wait for more new certificates after the first one.
const COMPANY: Duration = Duration::from_secs(1);

/// The clients' certificates that expire soonest. Bounded.
#[derive(Debug, Default)]
pub struct ClientCertInventory {
    certificates: Mutex<HashMap<String, SeenCertificate>>,
    another: Notify,
}

/// The certificate of an admitted client. Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCertificate {
    /// Distinguished name, RFC 4514.
    pub subject: String,
    /// SHA-256 over the DER, hex.
    pub fingerprint_sha256: String,
    /// When it is valid.
    pub validity: Validity,
    /// When a client used it first.
    pub first: i64,
    /// When a client used it last.
    pub last: i64,
}

impl ClientCertInventory {
    /// A client was admitted at `now`.
    pub fn note(&self, certificate: &Certificate, now: i64) {
        let mut seen = self.lock();
        let Certificate { subject, fingerprint_sha256: fingerprint, validity, .. } = certificate;
        if let Some(known) = seen.get_mut(fingerprint) {
            known.last = now;
            return;
        }
        if seen.len() >= CAPACITY {
            let latest = seen.values().max_by_key(|seen| seen.validity.until);
            match latest.map(|latest| (latest.validity.until, latest.fingerprint_sha256.clone())) {
                Some((until, fingerprint)) if until > validity.until => {
                    seen.remove(&fingerprint);
                }
                _ => return,
            }
        }
        let (subject, fingerprint_sha256) = (subject.clone(), fingerprint.clone());
        let new =
            SeenCertificate { subject, fingerprint_sha256, validity: *validity, first: now, last: now };
        seen.insert(fingerprint.clone(), new);
        self.another.notify_one();
    }

    /// Whether a client was admitted with the certificate of this fingerprint.
    pub fn knows(&self, fingerprint: &str) -> bool {
        self.lock().contains_key(fingerprint)
    }

    /// Waits for a new certificate, and a short time for more of them.
    pub async fn another(&self) {
        self.another.notified().await;
        sleep(COMPANY).await;
    }

    /// Certificates in use, the soonest to expire first. Without those that have expired, and those that were not used
    /// any more after their client came with one that is valid longer.
    pub fn soonest(&self, now: i64) -> Vec<SeenCertificate> {
        let mut seen = self.lock();
        seen.retain(|_, certificate| certificate.validity.until >= now - GRACE);
        let mut of_subject: HashMap<&str, Vec<&SeenCertificate>> = HashMap::new();
        for certificate in seen.values().filter(|certificate| certificate.validity.until >= now) {
            of_subject.entry(&certificate.subject).or_default().push(certificate);
        }
        let replaced = |old: &SeenCertificate, all: &[&SeenCertificate]| {
            all.iter().any(|new| new.validity.until > old.validity.until && new.first >= old.last)
        };
        let in_use = |all: &Vec<&SeenCertificate>| {
            let kept = all.iter().filter(|old| !replaced(old, all));
            kept.map(|old| SeenCertificate::clone(old)).collect::<Vec<_>>()
        };
        let mut soonest: Vec<_> = of_subject.values().flat_map(in_use).collect();
        soonest.sort_by_key(|seen| (seen.validity.until, seen.fingerprint_sha256.clone()));
        soonest
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, SeenCertificate>> {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn certificate(subject: &str, fingerprint: &str, until: i64) -> Certificate {
        Certificate {
            subject: subject.to_owned(),
            issuer: String::new(),
            serial: String::new(),
            not_before: String::new(),
            not_after: String::new(),
            san: vec![],
            fingerprint_sha256: fingerprint.to_owned(),
            key: String::new(),
            eku: vec![],
            validity: Validity { from: 0, until },
        }
    }

    fn names(seen: &ClientCertInventory, now: i64) -> Vec<String> {
        seen.soonest(now).into_iter().map(|certificate| certificate.fingerprint_sha256).collect()
    }

    #[test]
    fn the_soonest_to_expire_come_first_and_the_expired_are_forgotten() {
        let seen = ClientCertInventory::default();
        seen.note(&certificate("CN=a", "a", 300), 1);
        seen.note(&certificate("CN=b", "b", 200), 1);
        seen.note(&certificate("CN=b", "b", 200), 2);
        assert_eq!(names(&seen, 3), ["b", "a"]);
        assert_eq!(names(&seen, 250), ["a"]);
    }

    #[test]
    fn a_renewed_certificate_takes_the_place_of_the_old_one_unless_that_is_still_in_use() {
        let seen = ClientCertInventory::default();
        seen.note(&certificate("CN=a", "old", 200), 1);
        seen.note(&certificate("CN=a", "new", 900), 5);
        assert_eq!(names(&seen, 10), ["new"]);
        seen.note(&certificate("CN=a", "old", 200), 11);
        assert_eq!(names(&seen, 12), ["old", "new"]);
    }

    #[test]
    fn however_many_come_only_the_soonest_to_expire_are_remembered() {
        let seen = ClientCertInventory::default();
        for number in (0..3 * CAPACITY).rev() {
            let name = number.to_string();
            seen.note(&certificate(&name, &name, i64::try_from(number).unwrap() + 10), 1);
        }
        let soonest = seen.soonest(1);
        assert_eq!(soonest.len(), CAPACITY);
        let last = soonest.last().unwrap().validity.until;
        assert_eq!((soonest[0].validity.until, last), (10, 9 + i64::try_from(CAPACITY).unwrap()));
    }

    #[test]
    fn a_certificate_is_known_for_a_while_after_it_has_expired() {
        let seen = ClientCertInventory::default();
        seen.note(&certificate("CN=a", "a", 300), 1);

        assert_eq!(names(&seen, 300 + GRACE), [""; 0]);
        assert!(seen.knows("a") && !seen.knows("b"));

        assert_eq!(names(&seen, 301 + GRACE), [""; 0]);
        assert!(!seen.knows("a"));
    }
}
