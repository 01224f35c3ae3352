//! Whether the names in a certificate, and its serial number, can be read completely.
//!
//! webpki ignores a leaf's subject, and x509-parser skips the parts of a name that it cannot read. Deny rules would not
//! see those parts, so a certificate whose names cannot be read completely is refused.

use thiserror::Error;
use x509_parser::oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME;
use x509_parser::prelude::X509Certificate;

use super::name::text;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;

/// Longest serial number of a client that is admitted, in octets. RFC 5280 section 4.1.2.2 allows 20; those of
/// some private CAs are longer.
pub(super) const MAX_SERIAL: usize = 64;

/// The part of a certificate's names that cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Unreadable {
    /// Not a Name (RFC 5280 section 4.1.2.4), or something is left over in it.
    #[error("its {0} is not encoded as a name")]
    Name(&'static str),
    /// Not text of its ASN.1 type.
    #[error("the {0} of its subject is no text of the type that it is said to be")]
    Text(&'static str),
    /// The extension is there more than once, is no list, or an element of it cannot be read.
    #[error("its alternative names (subjectAltName) cannot be read to their end")]
    AlternativeNames,
    /// Too long: upstreams would get a part of it, which is another number.
    #[error("its serial number has more than {MAX_SERIAL} octets")]
    Serial,
}

/// Checks all names that rules and the upstream get.
///
/// # Errors
/// The first that cannot be read.
pub fn check_names(x509: &X509Certificate<'_>) -> Result<(), Unreadable> {
    if x509.raw_serial().len() > MAX_SERIAL {
        return Err(Unreadable::Serial);
    }
    check_name(x509.subject().as_raw(), Some).ok_or(Unreadable::Name("subject"))??;
    check_name(x509.issuer().as_raw(), |_| None).ok_or(Unreadable::Name("issuer"))??;
    let mut extensions =
        x509.extensions().iter().filter(|extension| extension.oid == OID_X509_EXT_SUBJECT_ALT_NAME);
    let readable = match (extensions.next(), extensions.next()) {
        (None, _) => true,
        (Some(extension), None) => are_general_names(extension.value),
        (Some(_), Some(_)) => false,
    };
    if readable { Ok(()) } else { Err(Unreadable::AlternativeNames) }
}

/// `None` when `der` is no Name. The attributes that `wanted` picks must be text.
fn check_name(
    der: &[u8],
    wanted: fn(&'static str) -> Option<&'static str>,
) -> Option<Result<(), Unreadable>> {
    let mut rdns = only(der, SEQUENCE)?;
    while !rdns.is_empty() {
        let (mut set, rest) =
            element(rdns).filter(|(tag, ..)| *tag == SET).map(|(_, set, rest)| (set, rest))?;
        rdns = rest;
        // SET SIZE (1..MAX)
        element(set)?;
        while !set.is_empty() {
            let (tag, attribute, rest) = element(set)?;
            let (kind, oid, value) = element(attribute)?;
            let (value_tag, value, nothing) = element(value)?;
            if (tag, kind) != (SEQUENCE, OID) || !nothing.is_empty() {
                return None;
            }
            set = rest;
            // What rules ask for.
            let name = match oid {
                [0x55, 0x04, 0x03] => wanted("common name"),
                [0x55, 0x04, 0x0a] => wanted("organization"),
                [0x55, 0x04, 0x0b] => wanted("organizational unit"),
                _ => None,
            };
            if let Some(name) = name
                && text(u32::from(value_tag), value).is_none()
            {
                return Some(Err(Unreadable::Text(name)));
            }
        }
    }
    Some(Ok(()))
}

/// GeneralNames (RFC 5280 section 4.2.1.6) in which the names that are used can be read.
fn are_general_names(der: &[u8]) -> bool {
    let Some(mut names) = only(der, SEQUENCE) else { return false };
    while !names.is_empty() {
        let Some((tag, name, rest)) = element(names) else { return false };
        names = rest;
        let readable = match tag {
            // rfc822Name, dNSName, uniformResourceIdentifier
            0x81 | 0x82 | 0x86 => std::str::from_utf8(name).is_ok(),
            0x87 => matches!(name.len(), 4 | 16),
            // otherName, x400Address, directoryName, ediPartyName, registeredID are not used.
            0xa0 | 0xa3 | 0xa4 | 0xa5 | 0x88 => true,
            _ => false,
        };
        if !readable {
            return false;
        }
    }
    true
}

/// The content of the only element in `der`.
fn only(der: &[u8], wanted: u8) -> Option<&[u8]> {
    match element(der)? {
        (tag, content, []) if tag == wanted => Some(content),
        _ => None,
    }
}

/// The first element in `der` (X.690 section 8.1): its tag, its content, and what follows.
pub(super) fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    // Tags of several octets are in no name.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(length)), rest)
        }
        // No certificate that is taken is longer; DER has no indefinite length.
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_element_ends_where_its_length_says() {
        assert_eq!(element(&[4, 1, 7, 9]), Some((4, &[7][..], &[9][..])));
        assert_eq!(element(&[&[4, 0x81, 200][..], &[7; 201]].concat()).unwrap().2, [7]);
        assert_eq!(element(&[&[4, 0x82, 1, 0][..], &[7; 256]].concat()).unwrap().1, [7; 256]);
        for broken in
            [&[][..], &[4], &[4, 1], &[4, 0x81], &[4, 0x82, 1], &[4, 0x80, 0, 0], &[0x1f, 1, 1, 1]]
        {
            assert_eq!(element(broken), None, "{broken:02x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(vec![0x30, 0x31, 6, 3, 0x55, 4, 0x0c, 0x82, 0x81, 2])], 0..60,
        )) {
            let _ = check_name(&bytes, Some);
            let _ = are_general_names(&bytes);
        }
    }
}
