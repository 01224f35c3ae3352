//! Explains what clawgate's settings mean for a client certificate: the verdict, and the checks that lead to it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys, InvalidMessage};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use serde::Serialize;

use super::checks::Client;
use super::facts::Facts;
use super::link::Link;
use super::rules::{RuleList, lists};
use crate::config::{Reloadable, RouteSettings};
use crate::finding::Finding;
use crate::identity::Peer;
use crate::identity::time::time_text;
use crate::identity::time::unix_seconds;
use crate::pki::{Budget, CertificateCaches, Path, TrustStore, identify};
use crate::policy::Authenticate;
use crate::policy::Ruling;
use crate::telemetry::HandshakeReason;
use crate::tls::diagnosis::{Case, Cause, denied, diagnose, faults, key_mismatch, path, weak_key};
use crate::tls::handshake_record::{HandshakeRecord, Presented, Refusal};
use crate::tls::{ClientVerifier, Fault, RefuseWith};

/// The contents of a client's files.
#[derive(Debug)]
pub struct ClientFile {
    /// The file of the chain, for the report.
    pub file: String,
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key's file and the key, if it is to be compared with the leaf.
    pub key: Option<(String, PrivateKeyDer<'static>)>,
}

/// Admitted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The handshake would succeed.
    Admitted,
    /// It would fail.
    Refused,
}

/// Whether a route may be used.
#[derive(Clone, Debug, Serialize)]
pub struct Access {
    /// The route's path.
    pub path: String,
    /// Its methods.
    pub methods: String,
    /// Whether this client may use it.
    pub may_use: bool,
    /// Why.
    pub detail: String,
    /// Its rules, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleList>,
}

/// The report about one client certificate.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The file it came from.
    pub file: String,
    /// The time as of which it was verified, RFC 3339.
    pub at: String,
    /// Whether it would be admitted.
    pub verdict: Verdict,
    /// Why it would be refused.
    pub reason: Option<HandshakeReason>,
    /// The same as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When the first certificate of the chain expires, which ends the admission: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admitted_until: Option<String>,
    /// The leaf; `None` when it cannot be read.
    pub certificate: Option<Facts>,
    /// SHA-256 of the SubjectPublicKeyInfo that signed the leaf; empty when its certificate was neither sent nor
    /// configured.
    pub issuer_spki_sha256: Vec<String>,
    /// The chain as it would be built, leaf first.
    pub chain: Vec<Link>,
    /// Whether it ends in a configured CA.
    pub anchored: bool,
    /// Whether it needs no CA, because the certificate is pinned.
    pub pinned: bool,
    /// Every check.
    pub checks: Vec<Finding>,
    /// The rules and pins for all clients, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleList>,
    /// Every route.
    pub routes: Vec<Access>,
}

/// Explains whether `client` would be admitted at `at`, and why.
pub fn certificate(settings: &Reloadable, client: &ClientFile, at: SystemTime) -> Explanation {
    let at = unix_seconds(at);
    let trust = &settings.material.trust;
    let rules = &settings.clients_rules;
    let caches = Arc::new(CertificateCaches::default());
    let verifier = ClientVerifier::new(
        Arc::clone(trust),
        Arc::clone(&caches),
        rules.clone(),
        RefuseWith::Alert,
        at,
    );
    let refused = refused(&verifier, client, at);
    let peer = peer(client, trust);
    let faults = all_faults(settings, client, peer.as_ref(), refused.as_ref());
    let fault = refused.map(|refused| fault(settings, client, refused));
    let path = path(&client.chain, trust, at, &Budget::new(Budget::COMMAND_LINE, &caches.signatures));
    let links = links(&client.chain, &path);
    let checked = Client {
        chain: &client.chain,
        faults: &faults,
        refused: fault.is_some(),
        path: &path,
        links: &links,
        trust,
        ruling: peer.as_ref().map(|peer| (peer, rules.ruling(peer))),
        rule: peer.as_ref().and_then(|peer| rules.matching(peer)),
        rules,
        key: client.key.as_ref().map(|(file, _)| file.as_str()),
        at,
    };
    let checks = checked.checks();
    let earliest = links.iter().map(|link| &link.not_after).min().cloned();
    Explanation {
        file: client.file.clone(),
        at: time_text(at),
        verdict: if fault.is_some() { Verdict::Refused } else { Verdict::Admitted },
        reason: fault.as_ref().map(|fault| fault.reason),
        admitted_until: earliest.filter(|_| fault.is_none()),
        certificate: client.chain.first().and_then(|der| Facts::read(der, at)),
        issuer_spki_sha256: peer
            .as_ref()
            .map(|peer| peer.issuer_spki_sha256.clone())
            .unwrap_or_default(),
        anchored: path.anchor.is_some(),
        pinned: checked.is_pinned(),
        chain: links,
        checks,
        rules: peer.as_ref().map(|peer| lists("clients", rules, peer)).unwrap_or_default(),
        routes: routes(settings, peer.as_ref(), fault.is_none()),
        detail: fault.as_ref().map(|fault| fault.detail.clone()),
        hint: fault.map(|fault| fault.hint),
    }
}

fn peer(client: &ClientFile, trust: &TrustStore) -> Option<Peer> {
    let (leaf, intermediates) = client.chain.split_first()?;
    identify(leaf, intermediates, trust)
}

/// Why a handshake would be refused.
enum Refused {
    /// Before anything is verified: the Certificate message is too large.
    TooLarge,
    /// The verifier refuses the certificate, or the proof of possession fails.
    By(Refusal),
}

/// Why a handshake of `client` at `at` would be refused; `None` if it would succeed.
fn refused(verifier: &ClientVerifier, client: &ClientFile, at: i64) -> Option<Refused> {
    /// The largest body of a handshake message that rustls accepts.
    const MAX_MESSAGE: usize = 0xffff;
    // RFC 8446 section 4.4.2: context, the list's length, and for each its length and extensions.
    let size: usize = client.chain.iter().map(|der| der.len() + 5).sum();
    if size + 4 > MAX_MESSAGE {
        return Some(Refused::TooLarge);
    }
    let (leaf, intermediates) = client.chain.split_first()?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)));
    let judged = verifier.verify(leaf, intermediates, now).err();
    judged.or_else(|| possession(client)).map(Refused::By)
}

/// Why the client's proof that it has the key would fail: signatures of this kind of key are not accepted, or the given
/// key belongs to another certificate. `None` if it would succeed.
fn possession(client: &ClientFile) -> Option<Refusal> {
    let bad = || Refusal::Possession(CertificateError::BadSignature.into());
    if weak_key(&client.chain).is_some() {
        return Some(bad());
    }
    let (_, key) = client.key.as_ref()?;
    // rustls supports every kind of key that the leaf can still have here, so a key that it rejects is a wrong one.
    let Ok(key) = any_supported_type(key) else {
        return Some(bad());
    };
    match CertifiedKey::new(client.chain.clone(), key).keys_match() {
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Some(bad()),
        _ => None,
    }
}

/// Why it is refused, with the same texts as in the log.
fn fault(settings: &Reloadable, client: &ClientFile, refused: Refused) -> Fault {
    let mut record = HandshakeRecord::of_first_bytes(0);
    let error = match refused {
        Refused::TooLarge => InvalidMessage::HandshakePayloadTooLarge.into(),
        Refused::By(refusal) => {
            let refused = Some(refusal.clone());
            record.presented = Some(Presented::new(client.chain.clone(), refused));
            refusal.into()
        }
    };
    let diagnosis = diagnose(&Case {
        cause: &Cause::Tls(error),
        hello: None,
        record: &record,
        trust: &settings.material.trust,
        server_names: &[],
        parameters: &settings.tls,
    });
    diagnosis.fault
}

/// All faults of the certificate. The verifier stops at the first one, but the report lists all of them.
fn all_faults(
    settings: &Reloadable,
    client: &ClientFile,
    peer: Option<&Peer>,
    refused: Option<&Refused>,
) -> Vec<Fault> {
    let mut faults = match refused {
        Some(Refused::By(refusal)) => faults(refusal, &client.chain),
        _ => Vec::new(),
    };
    let mut add = |fault: Fault| {
        if faults.iter().all(|known| known.reason != fault.reason) {
            faults.push(fault);
        }
    };
    if let Some(Refused::TooLarge) = refused {
        add(fault(settings, client, Refused::TooLarge));
    }
    if let Some(peer) = peer
        && let Ruling::Refused(denial) = settings.clients_rules.ruling(peer)
    {
        add(denied(&denial, peer));
    }
    if let Some(Refusal::Possession(error)) = possession(client) {
        add(weak_key(&client.chain).unwrap_or_else(|| key_mismatch(&error, &client.chain)));
    }
    faults
}

fn links(chain: &[CertificateDer<'static>], path: &Path<'_>) -> Vec<Link> {
    let sent = path.sent.iter().filter_map(|place| Link::read(chain.get(*place)?, "sent"));
    sent.chain(path.anchor.and_then(|ca| Link::read(ca.der(), "configured"))).collect()
}

fn routes(settings: &Reloadable, peer: Option<&Peer>, admitted: bool) -> Vec<Access> {
    let access = |route: &RouteSettings| {
        let ruled = peer.map(|peer| (peer, route.rules.ruling(peer), route.rules.matching(peer)));
        let (fits, detail) = match ruled {
            _ if !route.authenticate.admits_certificates() => {
                (false, "only for signed requests of clients without a certificate".to_owned())
            }
            _ if route.rules.is_empty() => (true, "open to every client that is admitted".to_owned()),
            Some((_, Ruling::Admitted, Some(rule))) => (true, format!("matches its rule [{rule}]")),
            Some((_, Ruling::Admitted, None)) => (true, "no rule refuses it".to_owned()),
            Some((peer, Ruling::Audited(denial), _)) => {
                (true, format!("AUDIT ONLY, else refused: {}", denial.of("route", peer)))
            }
            Some((peer, Ruling::Refused(denial), _)) => (false, denial.of("route", peer)),
            None => (false, "the certificate cannot be read".to_owned()),
        };
        let detail = match route.authenticate {
            Authenticate::Both => format!("{detail}; its requests must also be signed"),
            _ => detail,
        };
        Access {
            path: route.path.to_string(),
            methods: route.methods.to_string(),
            may_use: fits && admitted,
            detail: if fits && !admitted { format!("not admitted; {detail}") } else { detail },
            rules: peer.map(|peer| lists("route", &route.rules, peer)).unwrap_or_default(),
        }
    };
    settings.routes.iter().map(access).collect()
}
