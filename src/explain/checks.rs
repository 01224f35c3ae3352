//! Every check of a client certificate: its result, and a hint if something is wrong.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::facts::Facts;
use super::link::Link;
use crate::checks::{self, algorithm};
use crate::finding::{Area, Check, Finding, Severity, Subject};
use crate::identity::name::cut;
use crate::identity::time::time_text;
use crate::identity::{Peer, rfc4514};
use crate::pki::Path;
use crate::pki::TrustStore;
use crate::pki::revocation::Status;
use crate::policy::{Rule, Rules, Ruling};
use crate::telemetry::HandshakeReason as Reason;
use crate::tls::Fault;
use crate::tls::diagnosis::statuses;

/// The checks in the order of a report.
const NAMES: [Check; 14] = [
    Check::Readable,
    Check::Version,
    Check::NotACa,
    Check::Key,
    Check::Signature,
    Check::Chain,
    Check::Pinned,
    Check::Dates,
    Check::ChainDates,
    Check::Purpose,
    Check::Revocation,
    Check::Denylist,
    Check::Allow,
    Check::KeyFits,
];

/// The check that a fault belongs to. Each fault belongs to exactly one.
fn check_of(fault: &Fault) -> Check {
    match fault.reason {
        _ if fault.denied => Check::Denylist,
        Reason::ClientCertUnsupported => Check::Version,
        Reason::ClientCertIsCa => Check::NotACa,
        Reason::ClientCertKeyUnsupported => Check::Key,
        Reason::ClientCertWeakSignature => Check::Signature,
        Reason::ClientCertSelfSigned
        | Reason::ClientCertUnknownCa
        | Reason::ClientCertWrongCaKey
        | Reason::ClientCertBadSignature
        | Reason::ClientChainIncomplete
        | Reason::ClientChainInvalid => Check::Chain,
        Reason::ClientCertExpired | Reason::ClientCertNotYetValid => Check::Dates,
        Reason::ClientChainExpired => Check::ChainDates,
        Reason::ClientCertWrongPurpose => Check::Purpose,
        Reason::ClientCertRevoked | Reason::CrlExpired | Reason::CrlUnavailable => Check::Revocation,
        Reason::ClientNotAllowed => Check::Allow,
        Reason::ClientKeyMismatch => Check::KeyFits,
        _ => Check::Readable,
    }
}

/// Everything that the checks need.
pub(super) struct Client<'a> {
    /// As sent, leaf first.
    pub(super) chain: &'a [CertificateDer<'static>],
    /// The faults of the certificate.
    pub(super) faults: &'a [Fault],
    /// Whether it is refused because of these faults.
    pub(super) refused: bool,
    /// The path from the leaf to a CA.
    pub(super) path: &'a Path<'a>,
    /// The same path, as the report shows it.
    pub(super) links: &'a [Link],
    pub(crate) trust: &'a TrustStore,
    pub(super) rules: &'a Rules,
    /// The result of the rules; `None` when the leaf cannot be read.
    pub(super) ruling: Option<(&'a Peer, Ruling)>,
    /// The allow rule that matches.
    pub(super) rule: Option<&'a Rule>,
    /// The file of the key, if one was given.
    pub(super) key: Option<&'a str>,
    pub(super) at: i64,
}

impl Client<'_> {
    /// All checks.
    pub(super) fn checks(&self) -> Vec<Finding> {
        NAMES.iter().map(|name| self.check(*name)).collect()
    }

    fn check(&self, name: Check) -> Finding {
        let mut faults = self.faults.iter().filter(|fault| check_of(fault) == name);
        if let Some(first) = faults.next() {
            let details: Vec<_> =
                std::iter::once(first).chain(faults).map(|fault| fault.detail.as_str()).collect();
            let result = if self.refused { Severity::Fail } else { Severity::Note };
            let check = finding(name, result, details.join("; ")).hint(first.hint.as_str());
            return Finding { reason: Some(first.reason).filter(|_| self.refused), ..check };
        }
        let mut parsed = Vec::new();
        for der in self.chain {
            match X509Certificate::from_der(der) {
                Ok((_, x509)) => parsed.push(x509),
                Err(_) => return finding(name, Severity::Skipped, "not all can be read"),
            }
        }
        let Some(leaf) = parsed.first() else {
            return finding(name, Severity::Skipped, "there is no certificate");
        };
        let pass = |detail: String| finding(name, Severity::Pass, detail);
        match name {
            Check::Readable => pass(match parsed.len() {
                1 => "one certificate, without intermediates".to_owned(),
                count => format!("{count} certificates, the client's first"),
            }),
            Check::Version => pass("X.509 v3, without unknown critical extensions".to_owned()),
            Check::NotACa if leaf.is_ca() => pass("a CA certificate, but it is pinned".to_owned()),
            Check::NotACa => pass("no CA certificate".to_owned()),
            Check::Key => pass(crate::identity::key(leaf)),
            Check::Signature => pass(algorithm(leaf)),
            Check::Chain => self.chain_check(),
            Check::Pinned => match (self.trust.pinned.is_empty(), self.is_pinned()) {
                (_, true) => pass("in clients.pinned: it needs no CA".to_owned()),
                (true, false) => finding(name, Severity::Skipped, "nothing is pinned (clients.pinned)"),
                (false, false) => finding(name, Severity::Skipped, "not in clients.pinned"),
            },
            Check::Dates => checks::dates(&about(), leaf, self.at),
            Check::ChainDates => self.chain_dates(),
            Check::Purpose => pass(Facts::of(&self.chain[0], leaf, self.at).purposes()),
            Check::Revocation => self.revocation(&parsed),
            Check::Denylist => match self.trust.denylist.len() {
                0 => finding(name, Severity::Skipped, "no denylist is configured (clients.denylist)"),
                count => pass(format!(
                    "in none of the {count} lines of {}",
                    self.trust.denylist.file.display()
                )),
            },
            Check::Allow => self.allow(),
            _ => match self.key {
                Some(file) => pass(format!("{file} is its key")),
                None => finding(name, Severity::Skipped, "give its key with --client-key to check it"),
            },
        }
    }

    /// Whether the certificate is admitted without a CA.
    pub(super) fn is_pinned(&self) -> bool {
        let leaf = self.chain.first().and_then(|der| X509Certificate::from_der(der).ok());
        leaf.is_some_and(|(_, leaf)| self.trust.pins(&leaf))
    }

    fn chain_check(&self) -> Finding {
        if self.is_pinned() {
            return finding(Check::Chain, Severity::Skipped, "not needed: the certificate is pinned");
        }
        // No fault concerns the chain. The path is known even if the verifier stopped at another fault.
        let Some(ca) = self.path.anchor else {
            return finding(Check::Chain, Severity::Skipped, "not checked");
        };
        let between = match self.path.sent.len().saturating_sub(1) {
            0 => "directly".to_owned(),
            1 => "over one intermediate".to_owned(),
            count => format!("over {count} intermediates"),
        };
        let unused = self.chain.len().saturating_sub(self.path.sent.len());
        let unused = if unused == 0 { String::new() } else { format!(" ({unused} sent is not needed)") };
        let detail = format!("leads {between} to the configured CA {}{unused}", ca.subject);
        finding(Check::Chain, Severity::Pass, detail)
    }

    fn chain_dates(&self) -> Finding {
        let above: Vec<_> = self
            .links
            .iter()
            .skip(1)
            .map(|link| format!("{} until {}", link.subject, link.not_after))
            .collect();
        if above.is_empty() {
            return finding(Check::ChainDates, Severity::Skipped, "no issuer is known");
        }
        finding(Check::ChainDates, Severity::Pass, above.join("; "))
    }

    fn revocation(&self, parsed: &[X509Certificate<'_>]) -> Finding {
        let name = Check::Revocation;
        if self.is_pinned() {
            return finding(name, Severity::Skipped, "it has no issuer, so no CRL can revoke it");
        }
        if self.trust.crls.is_empty() {
            return checks::without_crls(&about(), name);
        }
        let mut result = Severity::Skipped;
        let mut said = Vec::new();
        for (place, status) in statuses(parsed, self.path, self.trust, self.at) {
            let issuer = parsed.get(place).map(|x509| cut(rfc4514(x509.issuer()))).unwrap_or_default();
            said.push(match status {
                Status::Good(crl) => {
                    result = Severity::Pass;
                    let (issued, next) = (time_text(crl.this_update), time_text(crl.next_update));
                    format!("not on the CRL of {issuer} (issued at {issued}, next one due at {next})")
                }
                Status::Stale(crl) => {
                    result = Severity::Note;
                    let due = time_text(crl.next_update);
                    format!(
                        "not on the CRL of {issuer}, which is out of date: the next one was due at {due}"
                    )
                }
                // Every other status is among the faults.
                _ => format!("no CRL of {issuer} is configured"),
            });
        }
        finding(name, result, said.join("; "))
    }

    fn allow(&self) -> Finding {
        if let Some((peer, Ruling::Audited(denial))) = &self.ruling {
            let detail = format!("AUDIT ONLY, else refused: {}", denial.of("clients", peer));
            return finding(Check::Allow, Severity::Note, detail);
        }
        let by = match self.rule {
            Some(rule) => format!("matches the rule [{rule}] of clients.allow"),
            None if self.rules.is_empty() => {
                return checks::without_rules(&about(), !self.trust.cas.is_empty());
            }
            None => {
                "clients.allow has no rule: any certificate of the client CAs is admitted".to_owned()
            }
        };
        let pinned = if self.rules.pins().is_empty() { "" } else { "; and is pinned" };
        finding(Check::Allow, Severity::Pass, by + pinned)
    }
}

/// What the findings are about.
fn about() -> Subject {
    Subject::new(Area::Client, "")
}

fn finding(name: Check, severity: Severity, detail: impl Into<String>) -> Finding {
    about().finding(name, severity, detail)
}
