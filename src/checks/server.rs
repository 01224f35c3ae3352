//! Checks a server's certificate as its clients do. It may be clawgate's own, from its file or a handshake, or that of
//! a server that `explain` examines.

use rustls_pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::roots::Roots;
use super::{chain, strength, validity};
use crate::finding::{Check, Finding, Severity, Subject};
use crate::identity::name::cut;
use crate::identity::{San, rfc4514};

/// A server's chain, to be checked as of a time.
pub struct Server<'a> {
    /// What the findings are about.
    pub subject: &'a Subject,
    /// Leaf first.
    pub chain: &'a [CertificateDer<'static>],
    /// The name that the client used; `None` to check each name of the certificate.
    pub name: Option<&'a ServerName<'static>>,
    /// Whether it is clawgate's own chain. Then its root should be among the known ones.
    pub is_own: bool,
    /// Seconds since 1970.
    pub at: i64,
}

impl Server<'_> {
    /// The findings of every check, in the order of a report.
    pub fn findings(&self, roots: &Roots) -> Vec<Finding> {
        let mut parsed = Vec::new();
        for (number, der) in (1..).zip(self.chain) {
            match X509Certificate::from_der(der) {
                Ok((_, x509)) => parsed.push(x509),
                Err(_) => {
                    let detail = format!("certificate {number} is not X.509");
                    let hint = "write the server's certificate file again; it may be cut off";
                    return vec![self.subject.fail(Check::Readable, detail, hint)];
                }
            }
        }
        let Some((leaf, above)) = parsed.split_first() else {
            return Vec::new();
        };
        let mut found = vec![
            self.names(leaf),
            validity::leaf(self.subject, leaf, self.at),
            validity::above(self.subject, above, self.at),
            self.purpose(&parsed),
            chain::order(self.subject, &parsed),
            strength::key(self.subject, &parsed),
            strength::signature(self.subject, &parsed),
        ];
        let is_weak = found.iter().any(|finding| {
            let by_strength = matches!(finding.name, Check::Key | Check::Signature);
            by_strength && finding.severity == Severity::Fail
        });
        let holds = chain::Chain {
            subject: self.subject,
            ders: self.chain,
            parsed: &parsed,
            is_own: self.is_own,
            is_weak,
        };
        found.extend(holds.findings(roots, self.at));
        found
    }

    fn names(&self, leaf: &X509Certificate<'_>) -> Finding {
        let names: Vec<_> =
            San::all(leaf).into_iter().filter(|name| matches!(name, San::Dns(_) | San::Ip(_))).collect();
        let listed: Vec<_> = names.iter().map(San::to_string).collect();
        let listed = if listed.is_empty() { "no name".to_owned() } else { cut(listed.join(", ")) };
        let Some(called) = self.name else {
            return self.own_names(leaf, &names, &listed);
        };
        let shown = called.to_str();
        if covers(leaf, called) {
            return self.subject.pass(Check::Names, format!("covers {shown}"));
        }
        let hint =
            format!("use one of these names in the URL, or have the certificate issued for {shown}");
        self.subject.fail(Check::Names, format!("is for {listed}, not for {shown}"), hint)
    }

    /// Whether clients can match each of its names.
    fn own_names(&self, leaf: &X509Certificate<'_>, names: &[San], listed: &str) -> Finding {
        let is_found = |name: &&San| {
            let text = match name {
                San::Dns(name) => name.replacen('*', "clawgate", 1),
                San::Ip(ip) => ip.to_string(),
                _ => return true,
            };
            ServerName::try_from(text).is_ok_and(|name| covers(leaf, &name))
        };
        match names.iter().find(|name| !is_found(name)) {
            _ if names.is_empty() => self.subject.fail(
                Check::Names,
                "has no DNS or IP alternative name",
                "have it issued with subjectAltName=DNS:the.name.clients.call (the common name does not count)",
            ),
            Some(odd) => self.subject.warning(
                Check::Names,
                format!("is for {listed}, but no client can use {odd}"),
                "have it issued for the names that clients call, such as hooks.example.com",
            ),
            None => self.subject.pass(Check::Names, format!("is for {listed}")),
        }
    }

    /// RFC 5280 section 4.2.1.12, and section 4.2.1.3 for the key usage that TLS with an ephemeral key exchange needs.
    fn purpose(&self, chain: &[X509Certificate<'_>]) -> Finding {
        let lacks = |x509: &&X509Certificate<'_>| {
            let eku = x509.extended_key_usage().ok().flatten();
            eku.is_some_and(|eku| !eku.value.server_auth && !eku.value.any)
        };
        let name = |x509: &X509Certificate<'_>| cut(rfc4514(x509.subject()));
        let Some(leaf) = chain.first() else {
            return self.subject.skipped(Check::Purpose, "there is no certificate");
        };
        if lacks(&leaf) {
            return self.subject.fail(
                Check::Purpose,
                "is not for servers: its extendedKeyUsage lacks serverAuth",
                "have it issued with extendedKeyUsage=serverAuth; clients refuse it",
            );
        }
        if let Some(ca) = chain.iter().skip(1).find(lacks) {
            return self.subject.fail(
                Check::Purpose,
                format!(
                    "the CA {} may not issue for servers: its extendedKeyUsage lacks serverAuth",
                    name(ca)
                ),
                "have the server's certificate issued by a CA for servers; clients refuse this one",
            );
        }
        let usage = leaf.key_usage().ok().flatten();
        if usage.is_some_and(|usage| !usage.value.digital_signature()) {
            return self.subject.fail(
                Check::Purpose,
                "may not be used to sign: its keyUsage lacks digitalSignature, and TLS signs with its key",
                "have it issued with keyUsage=digitalSignature; clients refuse it",
            );
        }
        let named = leaf.extended_key_usage().ok().flatten().is_some();
        self.subject.pass(Check::Purpose, if named { "serverAuth" } else { "any (no extendedKeyUsage)" })
    }
}

fn covers(leaf: &X509Certificate<'_>, name: &ServerName<'_>) -> bool {
    let der = CertificateDer::from(leaf.as_raw());
    EndEntityCert::try_from(&der).is_ok_and(|leaf| leaf.verify_is_valid_for_subject_name(name).is_ok())
}
