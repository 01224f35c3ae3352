//! Distinguished names as people write them (RFC 4514 section 3), brought to the one form in which
//! [`name::rfc4514`](super::name::rfc4514) writes those of certificates.

use thiserror::Error;
use x509_parser::objects::{oid_registry, oid2abbrev};

use super::name::{MAX_TEXT, push_escaped};

/// Why a distinguished name could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DnError {
    /// A part has no `=`, or nothing on one side of it.
    #[error("`{0}` is not of the form `TYPE=value`, as in `CN=Issuing CA,O=Example`")]
    NotAPair(String),
    /// The type of an attribute is not known.
    #[error("`{0}` is no known attribute type; CN, O, OU, C, ST, L, DC and the like are")]
    UnknownType(String),
    /// A backslash stands before something that it cannot escape.
    #[error("`{0}`: a backslash stands before one of ,+\"\\<>;=# or a space, or before two hex digits")]
    BadEscape(String),
    /// Longer than names are printed and compared.
    #[error("a name of more than {MAX_TEXT} bytes cannot be compared")]
    TooLong,
}

/// `text` as the name would be written for a certificate that has it. Types are taken in any case and by
/// their usual names; values stay as they are.
pub fn canonical_dn(text: &str) -> Result<String, DnError> {
    let mut out = String::new();
    for (attribute, separator) in attributes(text) {
        push_attribute(attribute, &mut out)?;
        out.extend(separator);
    }
    // What is longer is cut in a certificate's description.
    if out.len() > MAX_TEXT {
        return Err(DnError::TooLong);
    }
    Ok(out)
}

/// The parts between separators that are not escaped, each with the separator after it.
fn attributes(text: &str) -> Vec<(&str, Option<char>)> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' | '+' => {
                parts.push((&text[start..at], Some(c)));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push((&text[start..], None));
    parts
}

fn push_attribute(attribute: &str, out: &mut String) -> Result<(), DnError> {
    let not_a_pair = || DnError::NotAPair(attribute.trim().to_owned());
    let (kind, value) = attribute.split_once('=').ok_or_else(not_a_pair)?;
    let (kind, value) = (kind.trim(), unescape(value)?);
    if kind.is_empty() || value.is_empty() {
        return Err(not_a_pair());
    }
    let kind = type_name(kind).ok_or_else(|| DnError::UnknownType(kind.to_owned()))?;
    out.push_str(kind);
    out.push('=');
    push_escaped(&value, out);
    Ok(())
}

/// An attribute type by the name that is written for certificates.
fn type_name(name: &str) -> Option<&'static str> {
    let short = match name.to_ascii_lowercase().as_str() {
        "cn" => "commonName",
        "c" => "countryName",
        "l" => "localityName",
        "st" | "s" => "stateOrProvinceName",
        "o" => "organizationName",
        "ou" => "organizationalUnit",
        "dc" => "domainComponent",
        "street" => "streetAddress",
        "gn" => "givenName",
        "sn" => "surname",
        "e" | "email" | "emailaddress" => return Some("Email"),
        "organizationalunitname" => "organizationalUnit",
        _ => name,
    };
    let registry = oid_registry();
    let known = |oid: &str, entry: &str| {
        entry.eq_ignore_ascii_case(short) || (oid.contains('.') && oid == short)
    };
    let (oid, _) = registry.iter().find(|(oid, entry)| known(&oid.to_id_string(), entry.sn()))?;
    oid2abbrev(oid, registry).ok()
}

/// The value that is meant, without the spaces around it that are not escaped.
fn unescape(text: &str) -> Result<String, DnError> {
    let bad = || DnError::BadEscape(text.trim().to_owned());
    let mut bytes = Vec::new();
    // As many bytes as must stay, whatever spaces are at the end.
    let mut kept = 0;
    let mut chars = text.trim_start().chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
            if c != ' ' {
                kept = bytes.len();
            }
            continue;
        }
        match chars.next().ok_or_else(bad)? {
            special @ (',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' | '#' | ' ') => {
                bytes.push(special as u8);
            }
            high => {
                let low = chars.next().ok_or_else(bad)?;
                let digits = (high.to_digit(16).ok_or_else(bad)?, low.to_digit(16).ok_or_else(bad)?);
                bytes.push((digits.0 * 16 + digits.1) as u8);
            }
        }
        kept = bytes.len();
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    use super::*;
    use crate::identity::Certificate;

    #[test]
    fn a_name_is_taken_as_it_is_printed_and_in_the_usual_other_ways() {
        let canonical = |text| canonical_dn(text).unwrap();
        for text in ["CN=CA,O=Example", "cn=CA, o = Example", "commonName=CA,2.5.4.10=Example"] {
            assert_eq!(canonical(text), "CN=CA,O=Example", "{text}");
        }
        assert_eq!(canonical("CN=a\\,b\\2Bc \\ ,L=Köln"), "CN=a\\,b\\+c \\20,L=Köln");
        assert_eq!(canonical("emailAddress=a@b+UID=x"), "Email=a@b+uid=x");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(canonical_dn("Example"), Err(DnError::NotAPair("Example".into())));
        assert_eq!(canonical_dn("CN=a,"), Err(DnError::NotAPair(String::new())));
        assert_eq!(canonical_dn("CN= "), Err(DnError::NotAPair("CN=".into())));
        assert_eq!(canonical_dn("NAME OF=x"), Err(DnError::UnknownType("NAME OF".into())));
        assert!(matches!(canonical_dn("CN=a\\x"), Err(DnError::BadEscape(_))));
        assert!(matches!(canonical_dn("CN=\\FF"), Err(DnError::BadEscape(_))));
        assert!(matches!(canonical_dn("CN=a\\"), Err(DnError::BadEscape(_))));
        assert_eq!(canonical_dn(&format!("CN={}", "x".repeat(600))), Err(DnError::TooLong));
    }

    #[test]
    fn what_is_printed_of_a_certificate_is_read_as_the_same() {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "DE"),
            (DnType::StateOrProvinceName, " a+b=\"c\";\\<>"),
            (DnType::LocalityName, "#1, \u{202e}\n"),
            (DnType::OrganizationalUnitName, "x,y"),
            (DnType::CommonName, "Zoë "),
        ] {
            params.distinguished_name.push(kind, value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let printed = Certificate::read(certificate.der()).unwrap().issuer;
        assert_eq!(canonical_dn(&printed), Ok(printed.clone()), "{printed}");
    }
}
