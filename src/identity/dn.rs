//! Distinguished names as people write them (RFC 4514 section 3), brought to the one form in which
//! [`name::rfc4514`](super::name::rfc4514) writes those of certificates.

use data_encoding::HEXUPPER;
use thiserror::Error;
use x509_parser::der_parser::asn1_rs::Oid;

use super::attribute_type::{AttributeType, content};
use super::name::{MAX_TEXT, oid_text, push_ber, push_escaped, text};
use super::readable::element;

/// Why a distinguished name could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DnError {
    /// A part has no `=`, or nothing before it; or no part has anything after it.
    #[error("`{0}` is not of the form `TYPE=value`, as in `CN=Issuing CA,O=Example`")]
    NotAPair(String),
    /// The type of an attribute is not known, so that its value must be in hex.
    #[error(
        "`{0}` is no known attribute type; CN, O, OU, C, ST, L, DC and the like are, and of others the number with dots \
         before a value of # and hex"
    )]
    UnknownType(String),
    /// A value that begins with `#` is not the BER encoding of a value in hex.
    #[error(
        "`{0}` is not # and the BER encoding of a value in hex; write \\# for a value that begins with #"
    )]
    BadHex(String),
    /// A backslash is followed by something that it cannot escape.
    #[error("`{0}`: a backslash stands before one of ,+\"\\<>;=# or a space, or before two hex digits")]
    BadEscape(String),
    /// Longer than names are printed and compared.
    #[error("a name of more than {MAX_TEXT} bytes cannot be compared")]
    TooLong,
}

/// `text` as the name would be written for a certificate that has it. Types are taken in any case and by
/// their usual names; values stay as they are.
///
/// # Errors
/// It is no name, or one that is longer than names of certificates are described with.
pub fn canonical_dn(text: &str) -> Result<String, DnError> {
    let name = canonical_dn_of_any_length(text)?;
    if name.len() > MAX_TEXT { Err(DnError::TooLong) } else { Ok(name) }
}

/// The same for a name of any length.
///
/// # Errors
/// It is no name.
pub fn canonical_dn_of_any_length(text: &str) -> Result<String, DnError> {
    let mut out = String::new();
    let mut says_something = false;
    for (attribute, separator) in attributes(text) {
        says_something |= push_attribute(attribute, &mut out)?;
        out.extend(separator);
    }
    if says_something { Ok(out) } else { Err(DnError::NotAPair(text.trim().to_owned())) }
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

fn push_attribute(attribute: &str, out: &mut String) -> Result<bool, DnError> {
    let not_a_pair = || DnError::NotAPair(attribute.trim().to_owned());
    let (kind, value) = attribute.split_once('=').ok_or_else(not_a_pair)?;
    let (kind, value) = (kind.trim(), value.trim_start());
    if kind.is_empty() {
        return Err(not_a_pair());
    }
    let known = match Kind::of(kind)? {
        Kind::Known(known) => {
            out.push_str(known.name());
            true
        }
        Kind::Unknown(text) => {
            out.push_str(&text);
            false
        }
    };
    out.push('=');
    let bad_hex = || DnError::BadHex(value.trim().to_owned());
    let encoded = match value.strip_prefix('#') {
        Some(hex) => {
            let hex = hex.trim_end().to_ascii_uppercase();
            Some(HEXUPPER.decode(hex.as_bytes()).map_err(|_| bad_hex())?)
        }
        None if known => None,
        None => return Err(DnError::UnknownType(kind.to_owned())),
    };
    let Some(encoded) = encoded else {
        let text = unescape(value)?;
        push_escaped(&text, out);
        return Ok(!text.is_empty());
    };
    let Some((tag, content, [])) = element(&encoded) else { return Err(bad_hex()) };
    match text(u32::from(tag), content).filter(|_| known) {
        Some(text) => push_escaped(&text, out),
        None => push_ber(&encoded, out),
    }
    Ok(true)
}

/// An attribute type as people write it.
enum Kind {
    Known(&'static AttributeType),
    /// One without a name, by its object identifier.
    Unknown(String),
}

impl Kind {
    fn of(text: &str) -> Result<Self, DnError> {
        if let Some(known) = AttributeType::named(text) {
            return Ok(Self::Known(known));
        }
        // RFC 2253 section 2.4 allows `OID.`; what is long is written in hex.
        let dotted = text.strip_prefix("OID.").or_else(|| text.strip_prefix("oid.")).unwrap_or(text);
        let content = match dotted.strip_prefix('#') {
            Some(hex) => HEXUPPER.decode(hex.to_ascii_uppercase().as_bytes()).ok(),
            None if dotted.contains('.') => content(dotted),
            None => None,
        };
        let content = content.ok_or_else(|| DnError::UnknownType(text.to_owned()))?;
        Ok(match AttributeType::of(&content) {
            Some(known) => Self::Known(known),
            None => Self::Unknown(oid_text(&Oid::new(content.into()))),
        })
    }
}

/// The unescaped value, without the spaces around it that are not escaped.
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
    use crate::identity::certificate::Certificate;

    #[test]
    fn a_name_is_taken_as_it_is_printed_and_in_the_usual_other_ways() {
        let canonical = |text| canonical_dn(text).unwrap();
        for text in ["CN=CA,O=Example", "cn=CA, o = Example", "commonName=CA,2.5.4.10=Example"] {
            assert_eq!(canonical(text), "CN=CA,O=Example", "{text}");
        }
        assert_eq!(canonical("CN=a\\,b\\2Bc \\ ,L=Köln"), "CN=a\\,b\\+c \\20,L=Köln");
        assert_eq!(canonical("emailAddress=a@b+UID=x"), "emailAddress=a@b+UID=x");
    }

    #[test]
    fn a_value_may_be_its_ber_encoding_in_hex() {
        let canonical = |text| canonical_dn(text).unwrap();
        // RFC 4514 section 4, and what another number of the same type is.
        assert_eq!(canonical("1.3.6.1.4.1.1466.0=#04024869"), "1.3.6.1.4.1.1466.0=#04024869");
        assert_eq!(canonical("OID.1.2.3 = #0c0568656c6c6f , CN=a"), "1.2.3=#0C0568656C6C6F,CN=a");
        assert_eq!(canonical("2.5.4.3=#0C0568656C6C6F"), "CN=hello", "text of a known type");
        assert_eq!(canonical("CN=#3000"), "CN=#3000", "no text");
        assert_eq!(canonical("CN=\\#3000"), "CN=\\#3000", "not hex");
        let long = format!("#55{}01", "FF".repeat(80));
        assert_eq!(canonical(&format!("{long}=#0500")), format!("#55{}01=#0500", "ff".repeat(80)));
        for bad in ["CN=#", "CN=#0", "CN=#0G", "CN=#0c05", "CN=#0C0161ff"] {
            assert!(matches!(canonical_dn(bad), Err(DnError::BadHex(_))), "{bad}");
        }
        assert_eq!(canonical_dn("1.2.3=hello"), Err(DnError::UnknownType("1.2.3".into())));
    }

    #[test]
    fn types_that_differ_in_case_alone_are_not_mixed_up() {
        assert_eq!(canonical_dn("uid=a,uniqueIdentifier=b").unwrap(), "UID=a,uniqueIdentifier=b");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(canonical_dn("Example"), Err(DnError::NotAPair("Example".into())));
        assert_eq!(canonical_dn("CN=a,"), Err(DnError::NotAPair(String::new())));
        assert_eq!(canonical_dn("CN= "), Err(DnError::NotAPair("CN=".into())));
        assert_eq!(canonical_dn("CN=,O="), Err(DnError::NotAPair("CN=,O=".into())));
        assert_eq!(canonical_dn("CN=,O=a").unwrap(), "CN=,O=a", "a certificate may have that");
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
