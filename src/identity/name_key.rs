//! Distinguished names in a form in which equal ones have the same bytes.

use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::name::text_of;

/// The key under which `name` is compared (RFC 5280 section 7.1).
///
/// Two names have the same key if they have the same attributes in the same order, whichever ASN.1 string types
/// their values have, in whichever case, and with however many spaces; text is prepared by RFC 4518 first. Values
/// that are no text, or that RFC 4518 prohibits, are compared byte by byte.
pub fn name_key(name: &X509Name<'_>) -> Box<[u8]> {
    let mut key = Vec::new();
    for rdn in name.iter_rdn() {
        let mut attributes: Vec<_> = rdn.iter().map(attribute_key).collect();
        // An RDN is a set: the order of its attributes means nothing.
        attributes.sort();
        push_length(&mut key, attributes.len());
        for attribute in attributes {
            key.extend(attribute);
        }
    }
    key.into()
}

fn attribute_key(attribute: &AttributeTypeAndValue<'_>) -> Vec<u8> {
    let value = attribute.attr_value();
    let (kind, value) = match text_of(value).and_then(|text| prepared(&text)) {
        Some(text) => (None, text.into_bytes()),
        None => (Some(value.tag().0), value.data.to_vec()),
    };
    let oid = attribute.attr_type().as_bytes();
    let mut key = Vec::with_capacity(oid.len() + value.len() + 16);
    push_length(&mut key, oid.len());
    key.extend(oid);
    // Prepared text has no tag, and nothing else can pass for it.
    key.push(u8::from(kind.is_some()));
    key.extend(kind.unwrap_or(0).to_be_bytes());
    push_length(&mut key, value.len());
    key.extend(value);
    key
}

/// RFC 4518 with case folding, and section 2.6.1: no space at either end, and one for each run within.
fn prepared(text: &str) -> Option<String> {
    let folded = stringprep::x520prep(text, true).ok()?;
    // Version 0.1 of the crate folds cases without composing characters (NFKC) after that.
    let text = stringprep::x520prep(&folded, false).ok()?;
    Some(text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
}

fn push_length(key: &mut Vec<u8>, length: usize) {
    key.extend(length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, string};
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    fn key(attributes: Vec<(DnType, DnValue)>) -> Box<[u8]> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in attributes {
            params.distinguished_name.push(kind, value);
        }
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        name_key(X509Certificate::from_der(&der).unwrap().1.subject())
    }

    fn cn(value: DnValue) -> Box<[u8]> {
        key(vec![(DnType::CommonName, value)])
    }

    fn utf8(text: &str) -> Box<[u8]> {
        cn(DnValue::Utf8String(text.to_owned()))
    }

    #[test]
    fn string_type_case_and_spaces_make_no_difference() {
        let printable = |text: &str| cn(DnValue::PrintableString(text.try_into().unwrap()));
        let bmp = string::BmpString::try_from("Example  CA").unwrap();

        for same in [printable("Example CA"), utf8(" EXAMPLE   ca "), cn(DnValue::BmpString(bmp))] {
            assert_eq!(same, utf8("Example CA"));
        }
        assert_eq!(utf8("Zoe\u{308} Stra\u{df}e"), utf8("ZO\u{cb} STRASSE"), "composed, folded");
        assert_eq!(utf8("soft\u{ad}hyphen"), utf8("softhyphen"), "mapped to nothing");
        assert_eq!(utf8("a\u{a0}b"), utf8("a b"), "mapped to a space");
    }

    #[test]
    fn other_names_have_other_keys() {
        for other in ["ExampleCA", "Example C A", "Example CB", "Example CA2", "Exämple CA"] {
            assert_ne!(utf8(other), utf8("Example CA"), "{other}");
        }
        let both = |first: &str, second: &str| {
            let utf8 = |text: &str| DnValue::Utf8String(text.to_owned());
            key(vec![(DnType::OrganizationName, utf8(first)), (DnType::CommonName, utf8(second))])
        };
        assert_ne!(both("a", "b"), both("b", "a"));
        assert_ne!(both("ab", "c"), both("a", "bc"));
        assert_ne!(both("a", "b"), utf8("b"));
    }

    #[test]
    fn what_is_no_text_is_compared_as_it_is() {
        // RFC 4518 section 2.4 prohibits private use.
        assert_eq!(utf8("a\u{e000}"), utf8("a\u{e000}"));
        assert_ne!(utf8("a\u{e000}"), utf8("A\u{e000}"));
        assert_ne!(utf8(""), utf8(" "));
    }
}
