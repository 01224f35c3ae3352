//! Checks whether clients can build a chain from the certificates that a server sends.

use rustls_pki_types::CertificateDer;
use webpki::Error;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::X509Certificate;

use super::roots::{Roots, Verified};
use crate::finding::{Check, Finding, Severity, Subject};
use crate::identity::name::cut;
use crate::identity::{rfc4514, unix_rfc3339};
use crate::pki::{SignatureCache, may_be_signed_by};

/// RFC 8446 section 4.4.2: each certificate should certify the one before it. Many clients accept any order, but some
/// do not.
pub(super) fn order(subject: &Subject, chain: &[X509Certificate<'_>]) -> Finding {
    for (number, pair) in (2..).zip(chain.windows(2)) {
        let [child, next] = pair else { continue };
        if has_issued(next, child) {
            continue;
        }
        let (name, follows) = (cut(rfc4514(child.subject())), cut(rfc4514(next.subject())));
        let detail = format!("{name} was not issued by {follows}, which follows it");
        let elsewhere = chain.iter().position(|other| {
            has_issued(other, child) && !std::ptr::eq(other, child) && !std::ptr::eq(other, next)
        });
        let hint = match elsewhere {
            Some(place) => format!(
                "move certificate {} to the place of certificate {number}: each certificate must be followed by the one that \
                 issued it",
                place + 1
            ),
            None => format!(
                "remove certificate {number}, or put the certificate of {} there: each certificate must be followed by \
                 the one that issued it",
                cut(rfc4514(child.issuer()))
            ),
        };
        return subject.warning(Check::Order, detail, hint);
    }
    match chain.len() {
        1 => subject.pass(Check::Order, "one certificate, without intermediates"),
        count => {
            subject.pass(Check::Order, format!("{count} certificates, each followed by its issuer's"))
        }
    }
}

fn has_issued(issuer: &X509Certificate<'_>, child: &X509Certificate<'_>) -> bool {
    child.issuer().as_raw() == issuer.subject().as_raw()
        && may_be_signed_by(child, issuer.as_raw(), &SignatureCache::default())
}

/// A chain whose certificates can all be parsed.
pub(super) struct Chain<'a> {
    pub(super) subject: &'a Subject,
    pub(super) ders: &'a [CertificateDer<'static>],
    pub(super) parsed: &'a [X509Certificate<'a>],
    /// Whether it is clawgate's own chain. Then its root should be among the known ones.
    pub(super) is_own: bool,
    /// Whether a key or signature in it was found to be too weak.
    pub(super) is_weak: bool,
}

impl Chain<'_> {
    /// Verifies the chain as two clients would: one that has only its root, and one that has only the roots of this
    /// system.
    pub(super) fn findings(&self, roots: &Roots, at: i64) -> Vec<Finding> {
        let when = self.a_time_within(at);
        let held = roots.verify(self.ders, when);
        let by_system = self.by_system(roots, when, at, held.as_ref().ok());
        vec![self.by_root(roots, held, at), by_system]
    }

    /// `at`, or the nearest time at which the whole chain is valid. Dates have their own checks, and an expired date
    /// must not hide that the chain is incomplete.
    fn a_time_within(&self, at: i64) -> i64 {
        let begins = self.parsed.iter().map(|x509| x509.validity().not_before.timestamp()).max();
        let ends = self.parsed.iter().map(|x509| x509.validity().not_after.timestamp()).min();
        match (begins, ends) {
            (Some(begins), Some(ends)) if begins <= ends => at.clamp(begins, ends),
            _ => at,
        }
    }

    fn by_root(&self, roots: &Roots, held: Result<Verified, Error>, at: i64) -> Finding {
        let error = match held {
            Ok(Verified { root, root_until, .. }) if root_until < at => {
                let detail = format!(
                    "leads to the root {root}, which has expired: it was valid until {}",
                    unix_rfc3339(root_until)
                );
                let hint = "have it issued by a CA whose root is valid, and give clients that root";
                return self.subject.fail(Check::Chain, detail, hint);
            }
            Ok(Verified { root, intermediates, .. }) => {
                let over = match intermediates {
                    0 => "directly".to_owned(),
                    1 => "over 1 intermediate".to_owned(),
                    count => format!("over {count} intermediates"),
                };
                let detail = format!(
                    "leads {over} to the root {root}: a client that has only this root verifies it"
                );
                return self.subject.pass(Check::Chain, detail);
            }
            Err(error) => error,
        };
        if let [only] = self.parsed
            && only.issuer().as_raw() == only.subject().as_raw()
        {
            let detail = "is self-signed: only a client that trusts this certificate accepts it, and some clients never do";
            let hint = "have a CA issue it, and give clients the CA's certificate";
            return self.subject.warning(Check::Chain, detail, hint);
        }
        match error {
            Error::UnknownIssuer => self.no_root(roots),
            Error::CertExpired { .. } | Error::CertNotValidYet { .. } => self.subject.skipped(
                Check::Chain,
                "cannot be verified: its certificates are never all valid at the same time",
            ),
            _ if self.is_weak => self
                .subject
                .skipped(Check::Chain, "cannot be verified: a key or signature in it is not accepted"),
            error => {
                let (why, hint) = words(&error);
                self.subject.fail(Check::Chain, format!("clients refuse it: {why}"), hint)
            }
        }
    }

    /// The finding when the chain does not lead to a known root: an intermediate is missing, or only clients have the
    /// root.
    fn no_root(&self, roots: &Roots) -> Finding {
        let Some(top) = self.top() else {
            return self.subject.skipped(Check::Chain, "there is no certificate");
        };
        let issuer = cut(rfc4514(top.issuer()));
        if let Some(ca) = roots.intermediate_above(top) {
            let detail = format!(
                "lacks the intermediate {}: a client that has only the root refuses it",
                ca.subject
            );
            let hint =
                format!("append the certificate of {} to the server's certificate file", ca.subject);
            return self.subject.fail(Check::Chain, detail, hint);
        }
        if roots.system().is_none() {
            let detail = format!("was issued by {issuer}, for which no root is known here");
            return self.subject.skipped(Check::Chain, detail);
        }
        let full = match names_its_issuers_address(top) {
            true => " (public CAs issue from intermediates; certbot: use fullchain.pem)",
            false => "",
        };
        let append = format!(
            "if {issuer} is an intermediate, append its certificate to the server's certificate file{full}"
        );
        let hint = match self.is_own {
            true => format!("{append}; if it is a root that clients have, name it with --server-ca"),
            false => format!("{append}; if it is a root, clients must have it"),
        };
        let (severity, detail) = match (self.parsed.len(), self.is_own) {
            (1, is_own) => (
                if is_own { Severity::Fail } else { Severity::Warning },
                format!(
                    "only the leaf is sent, and no root that is known here issued it: a client that has only the root \
                     refuses it unless {issuer} is that root"
                ),
            ),
            _ => (
                Severity::Warning,
                format!(
                    "could not be verified: its last certificate was issued by {issuer}, and no such root is known here"
                ),
            ),
        };
        self.subject.finding(Check::Chain, severity, detail).hint(hint)
    }

    /// The last certificate of the path that begins with the leaf.
    fn top(&self) -> Option<&X509Certificate<'_>> {
        let mut top = self.parsed.first()?;
        for _ in self.parsed {
            let is_root = top.issuer().as_raw() == top.subject().as_raw();
            match self.parsed.iter().find(|other| has_issued(other, top)) {
                Some(next) if !is_root => top = next,
                _ => break,
            }
        }
        Some(top)
    }

    fn by_system(&self, roots: &Roots, when: i64, at: i64, by_root: Option<&Verified>) -> Finding {
        let name = Check::SystemRoots;
        match (roots.verify_with_system(self.ders, when), roots.system()) {
            (_, Some([])) => self.subject.skipped(name, "this system has no roots to verify it with"),
            (None, _) => self.subject.skipped(name, "the roots of this system were not read"),
            (Some(Ok(Verified { root, root_until, .. })), _) if root_until >= at => {
                let detail =
                    format!("a client that has only the roots of this system verifies it, by {root}");
                self.subject.pass(name, detail)
            }
            _ => {
                let detail = "a client that has only the roots of this system refuses it";
                let note = self.subject.note(name, detail);
                match by_root {
                    Some(held) => {
                        note.hint(format!("give clients the root {} (curl: --cacert)", held.root))
                    }
                    None => note,
                }
            }
        }
    }
}

/// RFC 5280 section 4.2.2.1, access method caIssuers.
fn names_its_issuers_address(x509: &X509Certificate<'_>) -> bool {
    x509.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => {
            access.accessdescs.iter().any(|at| at.access_method.to_id_string() == "1.3.6.1.5.5.7.48.2")
        }
        _ => false,
    })
}

/// Why a chain that leads to a root is not valid, and the hint.
fn words(error: &Error) -> (&'static str, &'static str) {
    const AGAIN: &str = "have it issued again";
    match error {
        Error::CaUsedAsEndEntity => (
            "it is a CA's certificate (basicConstraints CA:TRUE), not a server's",
            "put the server's own certificate first in the file",
        ),
        Error::EndEntityUsedAsCa => {
            ("its issuer is not a CA (basicConstraints lacks CA:TRUE)", "have it issued by a CA")
        }
        Error::PathLenConstraintViolated => (
            "there are more CAs in its chain than one of them allows (pathLenConstraint)",
            "have it issued by a CA whose pathLenConstraint allows it",
        ),
        Error::NameConstraintViolation => (
            "a CA above it may not issue for one of its names (nameConstraints)",
            "have it issued for other names, or by another CA",
        ),
        Error::InvalidSignatureForPublicKey => (
            "a signature in the chain does not match the key of the CA with that name",
            "put the certificate of the CA that issued it into the file; a CA that was created again has another key",
        ),
        Error::UnsupportedCriticalExtension => (
            "it, or a CA above it, has a critical extension that clients do not know",
            "have it issued without that extension, or with it not critical",
        ),
        Error::UnsupportedCertVersion => ("it is not X.509 version 3", AGAIN),
        Error::EmptyEkuExtension => ("its extendedKeyUsage is empty", AGAIN),
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => (
            "the chain is too long for clients",
            "send only the certificates that lead from the leaf to the root",
        ),
        _ => (
            "something in the chain violates RFC 5280",
            "have it issued again; `openssl verify -x509_strict` names what is wrong",
        ),
    }
}
