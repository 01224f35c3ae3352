//! Every check on a client certificate: what it found, or what is wrong and how to mend it.

use rustls_pki_types::CertificateDer;
use serde::Serialize;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificate::Link;
use super::facts::Facts;
use crate::identity::Peer;
use crate::identity::name::{cut, oid_text, printable, rfc4514};
use crate::observe::HandshakeReason as Reason;
use crate::policy::{Rule, Rules, Ruling};
use crate::tls::diagnosis::{Fault, Path, gate_time, statuses};
use crate::tls::revocation::Status;
use crate::tls::trust::Trust;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing is wrong.
    Pass,
    /// To be mended.
    Fail,
    /// Not as it should be, but no reason to refuse.
    Note,
    /// Could not be looked at.
    Skipped,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Its stable name.
    pub name: &'static str,
    /// How it came out.
    pub result: Outcome,
    /// What was found.
    pub detail: String,
    /// The reason a sender would be refused for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    pub(super) fn new(name: &'static str, result: Outcome, detail: impl Into<String>) -> Self {
        Self { name, result, detail: detail.into(), reason: None, mend: None }
    }

    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }
}

/// The checks in the order of a report.
const NAMES: [&str; 14] = [
    "readable",
    "version",
    "not_a_ca",
    "key",
    "signature",
    "chain",
    "pinned",
    "dates",
    "chain_dates",
    "purpose",
    "revocation",
    "denylist",
    "allow",
    "key_fits",
];

/// The check that a fault belongs to: each belongs to one.
fn check_of(fault: &Fault) -> &'static str {
    match fault.reason {
        _ if fault.denied => "denylist",
        Reason::ClientCertUnsupported => "version",
        Reason::ClientCertIsCa => "not_a_ca",
        Reason::ClientCertKeyUnsupported => "key",
        Reason::ClientCertWeakSignature => "signature",
        Reason::ClientCertSelfSigned
        | Reason::ClientCertUnknownCa
        | Reason::ClientCertWrongCaKey
        | Reason::ClientCertBadSignature
        | Reason::ClientChainIncomplete
        | Reason::ClientChainInvalid => "chain",
        Reason::ClientCertExpired | Reason::ClientCertNotYetValid => "dates",
        Reason::ClientChainExpired => "chain_dates",
        Reason::ClientCertWrongPurpose => "purpose",
        Reason::ClientCertRevoked | Reason::CrlExpired | Reason::CrlUnavailable => "revocation",
        Reason::ClientNotAllowed => "allow",
        Reason::ClientKeyMismatch => "key_fits",
        _ => "readable",
    }
}

/// All that the checks look at.
pub(super) struct Findings<'a> {
    /// As sent, leaf first.
    pub(super) chain: &'a [CertificateDer<'static>],
    /// What is wrong with it.
    pub(super) faults: &'a [Fault],
    /// Whether that keeps it out.
    pub(super) refused: bool,
    /// The way up to a CA.
    pub(super) path: &'a Path<'a>,
    /// The same for people.
    pub(super) links: &'a [Link],
    pub(super) trust: &'a Trust,
    pub(super) rules: &'a Rules,
    /// What they say; `None` when the leaf cannot be read.
    pub(super) ruling: Option<(&'a Peer, Ruling)>,
    /// The allow rule that matches.
    pub(super) rule: Option<&'a Rule>,
    /// The file of the key, if one was given.
    pub(super) key: Option<&'a str>,
    pub(super) at: i64,
}

impl Findings<'_> {
    /// All checks.
    pub(super) fn checks(&self) -> Vec<Check> {
        NAMES.iter().map(|name| self.check(name)).collect()
    }

    fn check(&self, name: &'static str) -> Check {
        let mut faults = self.faults.iter().filter(|fault| check_of(fault) == name);
        if let Some(first) = faults.next() {
            let details: Vec<_> =
                std::iter::once(first).chain(faults).map(|fault| fault.detail.as_str()).collect();
            let result = if self.refused { Outcome::Fail } else { Outcome::Note };
            let check = Check::new(name, result, details.join("; ")).mend(first.hint.as_str());
            return Check { reason: Some(first.reason).filter(|_| self.refused), ..check };
        }
        let mut parsed = Vec::new();
        for der in self.chain {
            match X509Certificate::from_der(der) {
                Ok((_, x509)) => parsed.push(x509),
                Err(_) => return Check::new(name, Outcome::Skipped, "not all can be read"),
            }
        }
        let Some(leaf) = parsed.first() else {
            return Check::new(name, Outcome::Skipped, "there is no certificate");
        };
        let pass = |detail: String| Check::new(name, Outcome::Pass, detail);
        match name {
            "readable" => pass(match parsed.len() {
                1 => "one certificate, without intermediates".to_owned(),
                count => format!("{count} certificates, the sender's first"),
            }),
            "version" => pass("X.509 v3, no critical extension that is unknown".to_owned()),
            "not_a_ca" if leaf.is_ca() => pass("a CA certificate, and pinned all the same".to_owned()),
            "not_a_ca" => pass("no CA certificate".to_owned()),
            "key" => pass(crate::identity::key(leaf)),
            "signature" => pass(algorithm(leaf)),
            "chain" => self.chain_check(),
            "pinned" => match (self.trust.pinned.is_empty(), self.is_pinned()) {
                (_, true) => pass("in clients.pinned: it needs no CA".to_owned()),
                (true, false) => {
                    Check::new(name, Outcome::Skipped, "nothing is pinned (clients.pinned)")
                }
                (false, false) => Check::new(name, Outcome::Skipped, "not in clients.pinned"),
            },
            "dates" => pass(Facts::of(&self.chain[0], leaf, self.at).lasts),
            "chain_dates" => self.chain_dates(),
            "purpose" => pass(Facts::of(&self.chain[0], leaf, self.at).purposes()),
            "revocation" => self.revocation(&parsed),
            "denylist" => match self.trust.denylist.len() {
                0 => Check::new(name, Outcome::Skipped, "nobody is denied (clients.denylist)"),
                count => pass(format!(
                    "in none of the {count} lines of {}",
                    self.trust.denylist.file.display()
                )),
            },
            "allow" => self.allow(),
            _ => match self.key {
                Some(file) => pass(format!("{file} is its key")),
                None => Check::new(name, Outcome::Skipped, "give its key with --client-key to see"),
            },
        }
    }

    /// Whether the certificate is let in without a CA.
    pub(super) fn is_pinned(&self) -> bool {
        let leaf = self.chain.first().and_then(|der| X509Certificate::from_der(der).ok());
        leaf.is_some_and(|(_, leaf)| self.trust.pins(&leaf))
    }

    fn chain_check(&self) -> Check {
        if self.is_pinned() {
            return Check::new("chain", Outcome::Skipped, "not needed: the certificate is pinned");
        }
        // Without a fault that is about the chain another one came first; the way up is known all the same.
        let Some(ca) = self.path.anchor else {
            return Check::new("chain", Outcome::Skipped, "not followed");
        };
        let between = match self.path.sent.len().saturating_sub(1) {
            0 => "directly".to_owned(),
            1 => "over one intermediate".to_owned(),
            count => format!("over {count} intermediates"),
        };
        let unused = self.chain.len().saturating_sub(self.path.sent.len());
        let unused = if unused == 0 { String::new() } else { format!(" ({unused} sent is not needed)") };
        let detail = format!("leads {between} to the configured CA {}{unused}", ca.subject);
        Check::new("chain", Outcome::Pass, detail)
    }

    fn chain_dates(&self) -> Check {
        let above: Vec<_> = self
            .links
            .iter()
            .skip(1)
            .map(|link| format!("{} until {}", link.subject, link.not_after))
            .collect();
        if above.is_empty() {
            return Check::new("chain_dates", Outcome::Skipped, "no issuer is known");
        }
        Check::new("chain_dates", Outcome::Pass, above.join("; "))
    }

    fn revocation(&self, parsed: &[X509Certificate<'_>]) -> Check {
        let name = "revocation";
        if self.is_pinned() {
            return Check::new(name, Outcome::Skipped, "nobody issued it, so that no CRL can revoke it");
        }
        if self.trust.crls.is_empty() {
            return Check::new(name, Outcome::Skipped, "no CRL is configured (clients.crl)");
        }
        let mut result = Outcome::Skipped;
        let mut said = Vec::new();
        for (place, status) in statuses(parsed, self.path, self.trust, self.at) {
            let issuer = parsed.get(place).map(|x509| cut(rfc4514(x509.issuer()))).unwrap_or_default();
            said.push(match status {
                Status::Good(crl) => {
                    result = Outcome::Pass;
                    let (issued, next) = (gate_time(crl.this_update), gate_time(crl.next_update));
                    format!("not on the CRL of {issuer} (issued at {issued}, next one due at {next})")
                }
                Status::Stale(crl) => {
                    result = Outcome::Note;
                    let due = gate_time(crl.next_update);
                    format!(
                        "not on the CRL of {issuer}, which is out of date: the next one was due at {due}"
                    )
                }
                // The rest is among the faults.
                _ => format!("no CRL of {issuer} is configured"),
            });
        }
        Check::new(name, result, said.join("; "))
    }

    fn allow(&self) -> Check {
        if let Some((peer, Ruling::Audited(denial))) = &self.ruling {
            let detail = format!("AUDIT ONLY, else refused: {}", denial.of("clients", peer));
            return Check::new("allow", Outcome::Note, detail);
        }
        let by = match self.rule {
            Some(rule) => format!("matches the rule [{rule}] of clients.allow"),
            None => "clients.allow has no rule: any certificate of the client CAs will do".to_owned(),
        };
        let pinned = if self.rules.pins().is_empty() { "" } else { "; and is pinned" };
        Check::new("allow", Outcome::Pass, by + pinned)
    }
}

fn algorithm(x509: &X509Certificate<'_>) -> String {
    let oid = &x509.signature_algorithm.algorithm;
    match oid2sn(oid, oid_registry()) {
        Ok(name) => name.to_owned(),
        Err(_) => format!("OID {}", printable(&oid_text(oid))),
    }
}
