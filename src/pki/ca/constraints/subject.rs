//! The names in a certificate's subject to which name constraints apply.

use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OID_PKCS9_EMAIL_ADDRESS, OID_X509_COMMON_NAME};
use x509_parser::prelude::X509Certificate;

use crate::identity::name::text_of;

/// The names in a certificate's subject to which name constraints apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubjectNames {
    /// Common names that look like host names.
    pub(super) hosts: Vec<String>,
    /// E-mail addresses (PKCS #9 emailAddress).
    pub(super) emails: Vec<String>,
    /// A common name that cannot be read.
    pub(super) is_unreadable: bool,
}

impl SubjectNames {
    /// Those of a leaf.
    pub(crate) fn of_leaf(leaf: &X509Certificate<'_>) -> Self {
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
    pub(crate) fn unreadable() -> Self {
        Self { is_unreadable: true, ..Self::default() }
    }

    /// Those of a CA, whose common names are not host names.
    pub(crate) fn of_ca(ca: &X509Certificate<'_>) -> Self {
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
}
