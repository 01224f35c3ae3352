//! Distinguished names as text (RFC 4514), safe to print.
//!
//! `x509-parser`'s own `Display` does not escape values, so a common name of `a,O=Bank` would read
//! as two attributes. Everything here escapes, whatever the peer put in.

use std::fmt::Write;

use x509_parser::der_parser::asn1_rs::Any;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Longest piece of peer-made text that is printed, in bytes; the rest is cut and counted.
pub const MAX_TEXT: usize = 512;

/// The name as RFC 4514 section 2 writes it: last RDN first, special characters escaped.
///
/// Controls, bidirectional marks and other invisible characters become `\XX` (section 2.4 allows
/// any byte to be written so). The result may be long: see [`cut`].
pub fn rfc4514(name: &X509Name<'_>) -> String {
    let mut out = String::new();
    let rdns: Vec<_> = name.iter_rdn().collect();
    for (i, rdn) in rdns.iter().rev().enumerate() {
        if i > 0 {
            out.push(',');
        }
        for (j, attribute) in rdn.iter().enumerate() {
            if j > 0 {
                out.push('+');
            }
            push_attribute(attribute, &mut out);
        }
    }
    out
}

fn push_attribute(attribute: &AttributeTypeAndValue<'_>, out: &mut String) {
    let oid = attribute.attr_type();
    let text = text_of(attribute.attr_value());
    match (oid2abbrev(oid, oid_registry()), text) {
        (Ok(abbreviation), Some(text)) => {
            out.push_str(abbreviation);
            out.push('=');
            push_escaped(&text, out);
        }
        // Section 2.4: no known string form, so the OID and the value's DER in hex.
        _ => {
            out.push_str(&oid.to_id_string());
            out.push_str("=#");
            for byte in attribute.attr_value().data {
                let _ = write!(out, "{byte:02x}");
            }
        }
    }
}

/// The text of a directory string, whichever of its ASN.1 types it has.
pub(crate) fn text_of(value: &Any<'_>) -> Option<String> {
    // UTF8String, NumericString, PrintableString, IA5String, VisibleString
    if matches!(value.tag().0, 12 | 18 | 19 | 22 | 26) {
        return std::str::from_utf8(value.data).ok().map(str::to_owned);
    }
    // BMPString (tag 30, UTF-16BE): still made by some Windows CAs.
    if value.tag().0 == 30 && value.data.len().is_multiple_of(2) {
        let units = value.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        return char::decode_utf16(units).collect::<Result<_, _>>().ok();
    }
    // TeletexString (tag 20): in practice Latin-1.
    (value.tag().0 == 20).then(|| value.data.iter().map(|&byte| char::from(byte)).collect())
}

/// Appends `text` with RFC 4514 section 2.4 escapes.
pub(super) fn push_escaped(text: &str, out: &mut String) {
    let last = text.chars().count().saturating_sub(1);
    for (i, c) in text.chars().enumerate() {
        match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => {
                out.push('\\');
                out.push(c);
            }
            '#' if i == 0 => out.push_str("\\#"),
            ' ' if i == 0 || i == last => out.push_str("\\ "),
            c => push_printable(c, out),
        }
    }
}

/// `text` with everything that could deceive a reader or a terminal written as `\XX`, and a
/// backslash as `\\`, cut to [`MAX_TEXT`].
pub fn printable(text: &str) -> String {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'\\';
    if text.len() <= MAX_TEXT && text.bytes().all(plain) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len().min(MAX_TEXT));
    for (i, c) in text.char_indices() {
        if out.len() >= MAX_TEXT {
            let _ = write!(out, "…(+{} bytes)", text.len() - i);
            break;
        }
        match c {
            '\\' => out.push_str("\\\\"),
            c => push_printable(c, &mut out),
        }
    }
    out
}

/// An already escaped text, cut to [`MAX_TEXT`].
pub fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = text.floor_char_boundary(MAX_TEXT);
        let rest = text.len() - end;
        text.truncate(end);
        let _ = write!(text, "…(+{rest} bytes)");
    }
    text
}

fn push_printable(c: char, out: &mut String) {
    if !deceives(c) {
        out.push(c);
        return;
    }
    let mut buffer = [0; 4];
    for byte in c.encode_utf8(&mut buffer).bytes() {
        let _ = write!(out, "\\{byte:02X}");
    }
}

/// Controls (C0, DEL, C1), bidirectional and zero-width marks, line separators, tags, and the rest
/// of the invisible: nothing that a line of log should carry raw.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// `text` for an HTTP field value: printable ASCII only, every other byte, the backslash and
/// whatever is in `also` as `\XX`.
pub fn ascii(text: &str, also: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if (0x20..0x7f).contains(&byte) && byte != b'\\' && !also.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "\\{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        push_escaped(text, &mut out);
        out
    }

    #[test]
    fn a_common_name_cannot_forge_a_second_attribute() {
        assert_eq!(escaped("a,O=Bank"), "a\\,O=Bank");
        assert_eq!(escaped(" #x "), "\\ #x\\ ");
        assert_eq!(escaped("#x"), "\\#x");
    }

    #[test]
    fn line_breaks_terminal_escapes_and_bidi_marks_are_written_in_hex() {
        assert_eq!(printable("a\r\n\u{1b}[2J\u{202e}b\0"), "a\\0D\\0A\\1B[2J\\E2\\80\\AEb\\00");
        assert_eq!(printable("Zoë"), "Zoë");
    }

    #[test]
    fn long_text_is_cut_and_the_rest_is_counted() {
        let text = printable(&"x".repeat(65536));
        assert!(text.len() < MAX_TEXT + 32);
        assert!(text.ends_with("…(+65024 bytes)"), "{text}");
    }

    #[test]
    fn a_header_value_is_plain_ascii() {
        assert_eq!(ascii("Zoë,\\\n", b","), "Zo\\C3\\AB\\2C\\5C\\0A");
    }
}
