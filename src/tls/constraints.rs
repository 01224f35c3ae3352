//! Name constraints (RFC 5280 section 4.2.1.10) on the names that webpki does not hold against them.
//!
//! webpki holds subject alternative names against them. But clients are also known by common names, and those are
//! bound here as OpenSSL does it: one that looks like a host name is one, where no DNS name stands beside it.

use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{
    OID_PKCS9_EMAIL_ADDRESS, OID_X509_COMMON_NAME, OID_X509_EXT_NAME_CONSTRAINTS,
};
use x509_parser::prelude::X509Certificate;

use super::der::{self, Malformed};
use crate::identity::name::{printable, text_of};

/// Most comparisons of one CA's constraints with the names of one certificate.
const MAX_COMPARISONS: usize = 65_536;

/// A CA's constraints, as far as they are about DNS names and e-mail addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NameConstraints {
    permitted: Vec<String>,
    excluded: Vec<String>,
    has_emails: bool,
    is_unreadable: bool,
}

/// The names in a certificate's subject that constraints are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SubjectNames {
    /// Common names that look like host names.
    hosts: Vec<String>,
    /// E-mail addresses (PKCS #9 emailAddress).
    emails: Vec<String>,
    /// A common name that cannot be read.
    is_unreadable: bool,
}

impl NameConstraints {
    /// Those in `ca`; `None` when it has none that are about such names.
    pub(super) fn of(ca: &X509Certificate<'_>) -> Option<Self> {
        let mut extensions = ca.extensions().iter();
        let extension = extensions.find(|extension| extension.oid == OID_X509_EXT_NAME_CONSTRAINTS)?;
        let all = Self::read(extension.value)
            .unwrap_or_else(|Malformed| Self { is_unreadable: true, ..Self::default() });
        (all != Self::default()).then_some(all)
    }

    fn read(extension: &[u8]) -> Result<Self, Malformed> {
        let mut all = Self::default();
        for subtrees in der::all(der::only(extension)?.tagged(der::SEQUENCE)?)? {
            let names = match subtrees.tag {
                tag if tag == der::constructed(0) => &mut all.permitted,
                tag if tag == der::constructed(1) => &mut all.excluded,
                _ => return Err(Malformed),
            };
            for subtree in der::all(subtrees.content)? {
                // RFC 5280 demands the default minimum and no maximum, and so that nothing follows the base.
                let base = der::only(subtree.tagged(der::SEQUENCE)?)?;
                match base.tag {
                    tag if tag == der::primitive(1) => all.has_emails = true,
                    tag if tag == der::primitive(2) => {
                        names.push(str::from_utf8(base.content).map_err(|_| Malformed)?.to_owned());
                    }
                    _ => {}
                }
            }
        }
        Ok(all)
    }

    /// The first of `names` that they do not allow, for a sentence.
    ///
    /// E-mail addresses are not compared: as in webpki, none is allowed where there are constraints about them.
    pub(super) fn violation(&self, names: &SubjectNames) -> Option<String> {
        if self.is_unreadable {
            return Some("any, since its name constraints cannot be read".to_owned());
        }
        if self.has_emails
            && let Some(email) = names.emails.first()
        {
            return Some(format!("the e-mail address {}", printable(email)));
        }
        if self.permitted.is_empty() && self.excluded.is_empty() {
            return None;
        }
        if names.is_unreadable {
            return Some("a common name that cannot be read".to_owned());
        }
        if names.hosts.len() * (self.permitted.len() + self.excluded.len()) > MAX_COMPARISONS {
            return Some("so many names".to_owned());
        }
        let among = |list: &[String], host: &str| list.iter().any(|base| is_within(host, base));
        let allows = |host: &str| {
            (self.permitted.is_empty() || among(&self.permitted, host)) && !among(&self.excluded, host)
        };
        let host = names.hosts.iter().find(|host| !allows(host))?;
        Some(format!("the common name {}", printable(host)))
    }
}

impl SubjectNames {
    /// Those of a leaf.
    pub(super) fn of_leaf(leaf: &X509Certificate<'_>) -> Self {
        let mut names = Self::of_ca(leaf);
        let sans = leaf.subject_alternative_name().ok().flatten();
        let mut sans = sans.iter().flat_map(|sans| &sans.value.general_names);
        if sans.any(|name| matches!(name, GeneralName::DNSName(_))) {
            return names;
        }
        for attribute in leaf.subject().iter_by_oid(&OID_X509_COMMON_NAME) {
            match text_of(attribute.attr_value()) {
                Some(text) => match host(&text) {
                    Ok(host) => names.hosts.extend(host.map(str::to_owned)),
                    Err(Deceptive) => names.is_unreadable = true,
                },
                None => names.is_unreadable = true,
            }
        }
        names
    }

    /// Those of a leaf that cannot be read.
    pub(super) fn unreadable() -> Self {
        Self { is_unreadable: true, ..Self::default() }
    }

    /// Those of a CA, whose common names are nobody's host.
    pub(super) fn of_ca(ca: &X509Certificate<'_>) -> Self {
        let emails = ca.subject().iter_by_oid(&OID_PKCS9_EMAIL_ADDRESS);
        let text = |value| text_of(value).unwrap_or("that cannot be read".into()).into_owned();
        let emails = emails.map(|attribute| text(attribute.attr_value())).collect();
        Self { emails, ..Self::default() }
    }
}

/// A common name with NUL in it, which ends there for some programs.
struct Deceptive;

/// `text` as a host name, if it looks like one: by the rules of OpenSSL's `NAME_CONSTRAINTS_check_CN`, which are those
/// of DNS (RFC 1034 section 3.5) with `_` besides, for two labels or more.
fn host(text: &str) -> Result<Option<&str>, Deceptive> {
    let text = text.trim_end_matches('\0');
    if text.contains('\0') {
        return Err(Deceptive);
    }
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_label = |label: &str| {
        let at_end = label.starts_with('-') || label.ends_with('-');
        !label.is_empty() && !at_end && label.chars().all(is_letter)
    };
    Ok((text.contains('.') && text.split('.').all(is_label)).then_some(text))
}

/// Whether `host` is `base` or below it; a `base` with a dot in front is not within itself, and an empty one holds all.
fn is_within(host: &str, base: &str) -> bool {
    let Some(start) = host.len().checked_sub(base.len()) else { return false };
    let Some((before, end)) = host.split_at_checked(start) else { return false };
    let is_whole =
        before.is_empty() || base.is_empty() || base.starts_with('.') || before.ends_with('.');
    is_whole && end.eq_ignore_ascii_case(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_host(text: &str) -> bool {
        matches!(host(text), Ok(Some(_)))
    }

    #[test]
    fn a_common_name_is_a_host_name_where_openssl_takes_it_for_one() {
        for name in ["b.other.test", "B.OTHER.test", "a_b.c", "1.2", "a.b\0", "x-y.z"] {
            assert!(is_host(name), "{name}");
        }
        for name in
            ["notes", "Acme Inc.", "a..b", ".a.b", "a.b.", "*.a.b", "a b.c", "-a.b", "a-.b", "ä.b", ""]
        {
            assert!(!is_host(name), "{name}");
        }
        assert!(host("good.test\0.evil.test").is_err());
    }

    #[test]
    fn a_host_is_within_a_base_label_by_label() {
        for (host, base) in [
            ("a.good.test", "good.test"),
            ("good.test", "good.test"),
            ("A.GOOD.test", "good.TEST"),
            ("a.good.test", ".good.test"),
            ("a.b", ""),
        ] {
            assert!(is_within(host, base), "{host} {base}");
        }
        for (host, base) in [
            ("evilgood.test", "good.test"),
            ("good.test", ".good.test"),
            ("test", "good.test"),
            ("good.test.evil", "good.test"),
        ] {
            assert!(!is_within(host, base), "{host} {base}");
        }
    }
}
