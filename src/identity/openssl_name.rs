//! Distinguished names as OpenSSL prints them, for upstreams that compare them with what nginx passes on.

use std::fmt::Write;

use x509_parser::der_parser::asn1_rs::ToDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::attribute_type::AttributeType;
use super::name::{oid_text, push_ber, text};

/// `name` as `X509_NAME_print_ex` writes it with `XN_FLAG_RFC2253`: nginx's `$ssl_client_s_dn`, and
/// `openssl x509 -subject -nameopt RFC2253`.
///
/// It is ASCII: every other byte of a text's UTF-8 is written as `\\XX`. The only difference is a space at the end,
/// which is `\\20` instead of `\\ `: readers of a header field remove spaces at its ends.
pub fn openssl_name(name: &X509Name<'_>) -> String {
    let mut out = String::new();
    let rdns: Vec<_> = name.iter_rdn().collect();
    for (i, rdn) in rdns.iter().rev().enumerate() {
        let attributes: Vec<_> = rdn.iter().collect();
        for (j, attribute) in attributes.iter().rev().enumerate() {
            match (i, j) {
                (0, 0) => {}
                (_, 0) => out.push(','),
                _ => out.push('+'),
            }
            push_attribute(attribute, &mut out);
        }
    }
    if out.ends_with(' ') {
        out.pop();
        out.push_str("20");
    }
    out
}

fn push_attribute(attribute: &AttributeTypeAndValue<'_>, out: &mut String) {
    let (kind, value) = (attribute.attr_type(), attribute.attr_value());
    let known = AttributeType::of(kind.as_bytes());
    match known {
        Some(known) => out.push_str(known.openssl),
        None => out.push_str(&oid_text(kind)),
    }
    out.push('=');
    match bytes(value.tag().0, value.data).filter(|_| known.is_some()) {
        Some(bytes) => push_escaped(&bytes, out),
        None => push_ber(&value.to_der_vec().unwrap_or_default(), out),
    }
}

/// The text of a value in UTF-8; `None` for types that OpenSSL takes for no text (`tag2nbyte` in crypto/asn1/a_strex.c).
fn bytes(tag: u32, data: &[u8]) -> Option<Vec<u8>> {
    match tag {
        // A UTF8String is written as it is, right or wrong.
        12 => Some(data.to_vec()),
        // NumericString, PrintableString, TeletexString, IA5String, UTCTime, GeneralizedTime, VisibleString: a character
        // an octet.
        18 | 19 | 20 | 22 | 23 | 24 | 26 => {
            Some(data.iter().map(|&byte| char::from(byte)).collect::<String>().into_bytes())
        }
        // UniversalString, BMPString
        28 | 30 => text(tag, data).map(|text| text.into_owned().into_bytes()),
        _ => None,
    }
}

/// Appends text as `do_esc_char` in crypto/asn1/a_strex.c does it.
fn push_escaped(bytes: &[u8], out: &mut String) {
    let last = bytes.len().saturating_sub(1);
    for (i, &byte) in bytes.iter().enumerate() {
        // Of a single character OpenSSL knows that it is the last, and not that it is the first.
        let (is_first, is_last) = (i == 0 && last > 0, i == last);
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b'#' if is_first => out.push_str("\\#"),
            b' ' if is_first || is_last => out.push_str("\\ "),
            0x20..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:02X}");
            }
        }
    }
}
