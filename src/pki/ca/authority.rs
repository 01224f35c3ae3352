//! What CAs may issue (RFC 5280 section 6.1.4), as far as webpki does not check it.
//!
//! webpki uses only name, key and name constraints of a configured CA, and ignores the key usage of all CAs. So this module
//! checks each CA of a path that webpki has found against the certificates below it.

use std::fmt;

use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::X509Certificate;

use super::constraints::{Kind, NameConstraints, SubjectNames, Violation};
use crate::identity::name::extension_name;
use crate::identity::name_key;
use crate::pki::revocation::{Issuer, signs_crls};

/// The fields of a CA certificate that limit what the CA may issue.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    /// Its subject, for comparing.
    pub(super) name: Box<[u8]>,
    /// Its SubjectPublicKeyInfo in DER.
    pub(super) spki: Box<[u8]>,
    /// Whether it may sign revocation lists.
    pub(crate) signs_crls: bool,
    /// Whether its subject is its issuer, so that it does not count for path lengths.
    is_self_issued: bool,
    /// CA:TRUE, or X.509 version 1 and self-issued.
    is_ca: bool,
    /// Whether its key may sign certificates: keyCertSign, if key usage is stated.
    signs_certificates: bool,
    /// Whether it may issue to TLS clients: clientAuth, if extended key usage is stated.
    is_for_clients: bool,
    path_length: Option<u32>,
    unknown_critical: Option<String>,
    constraints: Option<NameConstraints>,
    names: SubjectNames,
}

/// Why a CA was not allowed to issue a certificate below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Overstep {
    /// It has a critical extension that is not supported: its name.
    UnknownCritical(String),
    /// It is no CA.
    NoCa,
    /// Its key may not sign certificates.
    KeyUsage,
    /// It may not issue to TLS clients.
    Purpose,
    /// There are more CAs below it than it allows.
    PathLength {
        /// How many it allows.
        allowed: u32,
        /// How many there are.
        below: usize,
    },
    /// A certificate below has this name, which the constraints do not allow.
    Name(String),
    /// Its name constraints are about a kind of names that is not compared, and a certificate below has one of that kind.
    NameKind(Kind),
    /// Its name constraints have a base that is not supported.
    NameBase(String),
}

impl Authority {
    /// Reads `ca`.
    pub(crate) fn of(ca: &X509Certificate<'_>) -> Self {
        let is_self_issued = name_key(ca.subject()) == name_key(ca.issuer());
        let constraints = ca.basic_constraints();
        let is_ca = match &constraints {
            Ok(Some(constraints)) => constraints.value.ca,
            // Version 1 has no such field. If another CA has issued it, it is usually not a CA certificate.
            Ok(None) => ca.version().0 == 0 && is_self_issued,
            Err(_) => false,
        };
        Self {
            name: name_key(ca.subject()),
            spki: ca.public_key().raw.into(),
            signs_crls: signs_crls(ca),
            is_self_issued,
            is_ca,
            signs_certificates: match ca.key_usage() {
                Ok(Some(usage)) => usage.value.key_cert_sign(),
                Ok(None) => true,
                Err(_) => false,
            },
            is_for_clients: is_for_clients(ca),
            path_length: constraints.ok().flatten().and_then(|found| found.value.path_len_constraint),
            unknown_critical: unknown_critical(ca),
            constraints: NameConstraints::of(ca),
            names: SubjectNames::of_ca(ca),
        }
    }

    /// Whether it may issue at all.
    pub(super) fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// As the signer of revocation lists.
    pub(crate) fn issuer(&self) -> Issuer<'_> {
        Issuer { name: &self.name, spki: &self.spki, signs_crls: self.signs_crls }
    }

    /// Why its name constraints refuse `certificate`, which is below it; `is_leaf`: at the end of the chain.
    /// `is_configured`: it is one of the configured CAs; webpki does not check all of their constraints.
    pub(crate) fn constraint(
        &self,
        certificate: &X509Certificate<'_>,
        is_leaf: bool,
        is_configured: bool,
    ) -> Option<Overstep> {
        let constraints = self.constraints.as_ref()?;
        // RFC 5280 section 6.1.3 (b)
        if is_configured && !is_leaf && name_key(certificate.subject()) == name_key(certificate.issuer())
        {
            return None;
        }
        Some(match constraints.refusal(certificate, is_configured)? {
            Violation::Name(name) => Overstep::Name(name),
            Violation::Kind(kind) => Overstep::NameKind(kind),
            Violation::Base(base) => Overstep::NameBase(base),
        })
    }

    /// Whether it has name constraints that webpki does not compare.
    pub(crate) fn has_own_constraints(&self) -> bool {
        self.constraints.as_ref().is_some_and(NameConstraints::is_beyond_webpki)
    }

    /// Why it may issue to no client at all.
    pub(super) fn unfit(&self) -> Option<Overstep> {
        if let Some(oid) = &self.unknown_critical {
            return Some(Overstep::UnknownCritical(oid.clone()));
        }
        match (self.is_ca, self.signs_certificates, self.is_for_clients) {
            (false, ..) => Some(Overstep::NoCa),
            (_, false, _) => Some(Overstep::KeyUsage),
            (.., false) => Some(Overstep::Purpose),
            _ => None,
        }
    }

    /// Why it may not have issued, by way of the CAs `below` it, a certificate with the names of `leaf`, which are
    /// asked for only if it has name constraints.
    fn overstep<'a>(
        &self,
        below: impl Iterator<Item = &'a Self> + Clone,
        leaf: impl FnOnce() -> SubjectNames,
    ) -> Option<Overstep> {
        if let Some(unfit) = self.unfit() {
            return Some(unfit);
        }
        let counting = below.filter(|ca| !ca.is_self_issued);
        if let Some(allowed) = self.path_length {
            let below = counting.clone().count();
            if usize::try_from(allowed).is_ok_and(|allowed| below > allowed) {
                return Some(Overstep::PathLength { allowed, below });
            }
        }
        let constraints = self.constraints.as_ref()?;
        let of_cas = counting.map(|ca| &ca.names).find_map(|names| constraints.violation(names));
        let name = of_cas.or_else(|| constraints.violation(&leaf()));
        name.map(Overstep::Name)
    }
}

/// The first CA of a path that may not have issued what is below it, by its place in `path`, and why. A path begins
/// with the configured CA; `leaf` gives the names at its other end.
pub(crate) fn first_overstep<'a, P>(
    path: P,
    leaf: impl Fn() -> SubjectNames,
) -> Option<(usize, Overstep)>
where
    P: Iterator<Item = &'a Authority> + Clone,
{
    let mut rest = path;
    let mut place = 0;
    while let Some(authority) = rest.next() {
        if let Some(overstep) = authority.overstep(rest.clone(), &leaf) {
            return Some((place, overstep));
        }
        place += 1;
    }
    None
}

impl fmt::Display for Overstep {
    /// What is wrong, to follow the CA's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCritical(name) => {
                write!(f, "has the critical extension {name}, which is not supported")
            }
            Self::NoCa => f.write_str("is not a CA (CA:TRUE is missing)"),
            Self::KeyUsage => f.write_str("may not sign certificates (its keyUsage lacks keyCertSign)"),
            Self::Purpose => {
                f.write_str("may not issue to clients (its extendedKeyUsage lacks clientAuth)")
            }
            Self::PathLength { allowed, below } => {
                let cas = if *allowed == 1 { "CA" } else { "CAs" };
                write!(f, "allows {allowed} {cas} below it (pathlen), and there are {below}")
            }
            Self::Name(name) => write!(f, "may not issue for {name} (its nameConstraints)"),
            Self::NameKind(kind) => write!(
                f,
                "has nameConstraints about {kind}, which clawgate compares for no CA that a client sends"
            ),
            Self::NameBase(base) => write!(
                f,
                "has {base} in its nameConstraints, which is not supported: wildcards and dots at the end have no \
                 meaning there (RFC 5280 section 4.2.1.10)"
            ),
        }
    }
}

impl Overstep {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::UnknownCritical(_) => {
                "have the CA's certificate issued again without that extension, or with it marked as not critical"
            }
            Self::NoCa => "have it issued by a CA",
            Self::KeyUsage => "have the CA's certificate issued again with keyUsage=keyCertSign,cRLSign",
            Self::Purpose => {
                "have the CA's certificate issued again with clientAuth in its extendedKeyUsage, or without that \
                 extension"
            }
            Self::PathLength { .. } => {
                "have it issued by a CA higher up, or raise the pathlen of that CA"
            }
            Self::NameKind(_) => {
                "add that intermediate to clients.ca, where its nameConstraints are compared; or have it issued \
                 without constraints of that kind"
            }
            Self::NameBase(_) => {
                "have the CA's certificate issued again with a DNS name without wildcard in its nameConstraints: it \
                 stands for all names below it"
            }
            Self::Name(_) => {
                "have it issued with names that the CA's nameConstraints permit, or by another CA"
            }
        }
    }
}

/// RFC 5280 section 4.2.1.12, as webpki takes it: stated purposes must have clientAuth among them.
pub(crate) fn is_for_clients(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(Some(purposes)) => purposes.value.client_auth,
        Ok(None) => true,
        Err(_) => false,
    }
}

/// The first critical extension that is not processed. Certificate policies and their mappings are, in effect: no
/// policy is asked for, so that only a CA that asks for one itself (policyConstraints) could make a difference.
fn unknown_critical(ca: &X509Certificate<'_>) -> Option<String> {
    let is_known = |parsed: &ParsedExtension<'_>| {
        matches!(
            parsed,
            ParsedExtension::AuthorityKeyIdentifier(_)
                | ParsedExtension::SubjectKeyIdentifier(_)
                | ParsedExtension::KeyUsage(_)
                | ParsedExtension::CertificatePolicies(_)
                | ParsedExtension::PolicyMappings(_)
                | ParsedExtension::SubjectAlternativeName(_)
                | ParsedExtension::BasicConstraints(_)
                | ParsedExtension::NameConstraints(_)
                | ParsedExtension::ExtendedKeyUsage(_)
                | ParsedExtension::CRLDistributionPoints(_)
                | ParsedExtension::InhibitAnyPolicy(_)
                | ParsedExtension::NSCertType(_)
        )
    };
    let unknown = ca
        .extensions()
        .iter()
        .find(|extension| extension.critical && !is_known(extension.parsed_extension()))?;
    Some(extension_name(&unknown.oid))
}
