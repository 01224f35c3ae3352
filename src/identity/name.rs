//! Distinguished names as text (RFC 4514), safe to print.
//!
//! `x509-parser`'s own `Display` does not escape values, so a common name of `a,O=Bank` would read
//! as two attributes. Everything here escapes, whatever the certificate contains.

use std::borrow::Cow;
use std::fmt::Write;

use data_encoding::{HEXLOWER, HEXUPPER};
use x509_parser::der_parser::asn1_rs::{Any, Oid, ToDer};
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::attribute_type::AttributeType;

/// Longest text from a client that is printed, in bytes; the rest is cut and counted.
pub const MAX_TEXT: usize = 512;

/// A space where it would be trimmed.
const SPACE: &str = "\\20";

/// Longest object identifier that is written with dots, in bytes.
const MAX_OID: usize = 64;

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
        // An RDN is a set; OpenSSL writes it in this order.
        let attributes: Vec<_> = rdn.iter().collect();
        for (j, attribute) in attributes.iter().rev().enumerate() {
            if j > 0 {
                out.push('+');
            }
            push_attribute(attribute, &mut out);
        }
    }
    out
}

fn push_attribute(attribute: &AttributeTypeAndValue<'_>, out: &mut String) {
    let known = AttributeType::of(attribute.attr_type().as_bytes());
    match known {
        Some(known) => out.push_str(known.name()),
        None => out.push_str(&oid_text(attribute.attr_type())),
    }
    out.push('=');
    match text_of(attribute.attr_value()).filter(|_| known.is_some()) {
        Some(text) => push_escaped(&text, out),
        None => push_ber(&attribute.attr_value().to_der_vec().unwrap_or_default(), out),
    }
}

/// Appends a value that has no string form, or whose type has no name: `#` and its BER encoding (tag, length, content)
/// in hex (RFC 4514 section 2.4).
pub(super) fn push_ber(encoded: &[u8], out: &mut String) {
    out.push('#');
    out.push_str(&HEXUPPER.encode(encoded));
}

/// An object identifier with dots; one that is longer than any that is registered in hex (`#…`), since numbers of
/// thousands of digits take long to write.
pub(crate) fn oid_text(oid: &Oid<'_>) -> String {
    if oid.as_bytes().len() <= MAX_OID {
        return oid.to_id_string();
    }
    format!("#{}", HEXLOWER.encode(oid.as_bytes()))
}

/// An extension's name with its OID, or the OID alone.
pub(crate) fn extension_name(oid: &Oid<'_>) -> String {
    let dotted = oid_text(oid);
    match oid2sn(oid, oid_registry()) {
        Ok(name) if name != dotted => format!("{name} ({dotted})"),
        _ => dotted,
    }
}

/// The text of a directory string, whichever of its ASN.1 types it has.
pub(crate) fn text_of<'a>(value: &Any<'a>) -> Option<Cow<'a, str>> {
    text(value.tag().0, value.data)
}

/// The text in `data`, whose type has the universal tag `tag`; `None` when it is none of that type.
pub(super) fn text(tag: u32, data: &[u8]) -> Option<Cow<'_, str>> {
    match tag {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString
        12 | 18 | 19 | 22 | 26 => std::str::from_utf8(data).ok().map(Cow::Borrowed),
        // TeletexString: in practice Latin-1.
        20 => Some(data.iter().map(|&byte| char::from(byte)).collect()),
        // UniversalString: UTF-32BE.
        28 => {
            let (characters, rest) = data.as_chunks();
            let characters = characters.iter().map(|bytes| char::from_u32(u32::from_be_bytes(*bytes)));
            let text = characters.collect::<Option<String>>();
            text.filter(|_| rest.is_empty()).map(Cow::Owned)
        }
        // BMPString, UTF-16BE: still made by some Windows CAs.
        30 => {
            let (units, rest) = data.as_chunks();
            let units = units.iter().map(|pair| u16::from_be_bytes(*pair));
            let text = char::decode_utf16(units).collect::<Result<String, _>>();
            text.ok().filter(|_| rest.is_empty()).map(Cow::Owned)
        }
        _ => None,
    }
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
            // Not as `\ `: spaces at the ends of a header field are removed by its reader.
            ' ' if i == 0 || i == last => out.push_str(SPACE),
            c => push_printable(c, out),
        }
    }
}

/// `text` with everything that could deceive a reader or a terminal written as `\XX`, spaces at its ends
/// among it, and a backslash as `\\`; cut to [`MAX_TEXT`].
pub fn printable(text: &str) -> String {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'\\';
    let has_bare_ends = !text.starts_with(' ') && !text.ends_with(' ');
    if text.len() <= MAX_TEXT && has_bare_ends && text.bytes().all(plain) {
        return text.to_owned();
    }
    let last = text.len().saturating_sub(1);
    let mut out = String::with_capacity(text.len().min(MAX_TEXT));
    for (i, c) in text.char_indices() {
        if out.len() >= MAX_TEXT {
            let _ = write!(out, "…(+{} bytes)", text.len() - i);
            break;
        }
        match c {
            '\\' => out.push_str("\\\\"),
            ' ' if i == 0 || i == last => out.push_str(SPACE),
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

/// Whether [`cut`] has taken something away: what is whole is no longer than [`MAX_TEXT`], and what was cut is, by
/// the mark at its end.
pub fn is_cut(text: &str) -> bool {
    text.len() > MAX_TEXT
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

/// Controls (C0, DEL, C1), blanks but the space, fillers, bidirectional and zero-width marks, line separators, tags,
/// and the rest of the invisible: nothing that a line of log should carry raw.
pub fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{a0}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{1680}' | '\u{180e}'
            | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{2800}'
            | '\u{3000}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// `text` for an HTTP field value: printable ASCII only, every other byte, spaces at its ends, the backslash and
/// whatever is in `also` as `\XX`. Two texts never have one value, also when that is trimmed.
pub fn ascii(text: &str, also: &[u8]) -> String {
    let last = text.len().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (i, byte) in text.bytes().enumerate() {
        let at_an_end = byte == b' ' && (i == 0 || i == last);
        if (0x20..0x7f).contains(&byte) && byte != b'\\' && !also.contains(&byte) && !at_an_end {
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
        assert_eq!(escaped(" #x "), "\\20#x\\20");
        assert_eq!(escaped(" "), "\\20");
        assert_eq!(escaped("#x"), "\\#x");
    }

    #[test]
    fn an_object_identifier_of_thousands_of_bytes_is_written_in_hex() {
        let oid = |bytes: &[u8]| oid_text(&Oid::new(bytes.to_vec().into()));
        assert_eq!(oid(&[0x55, 4, 3]), "2.5.4.3");
        let long = [&[0x55][..], &[0xff; 15_000], &[1]].concat();
        assert_eq!(oid(&long), format!("#{}", HEXLOWER.encode(&long)));
    }

    #[test]
    fn line_breaks_terminal_escapes_and_bidi_marks_are_written_in_hex() {
        assert_eq!(printable("a\r\n\u{1b}[2J\u{202e}b\0"), "a\\0D\\0A\\1B[2J\\E2\\80\\AEb\\00");
        assert_eq!(printable("Zoë"), "Zoë");
        assert_eq!(printable("admin\u{a0}\u{3000}"), "admin\\C2\\A0\\E3\\80\\80");
    }

    #[test]
    fn long_text_is_cut_and_the_rest_is_counted() {
        let text = printable(&"x".repeat(65536));
        assert!(text.len() < MAX_TEXT + 32);
        assert!(text.ends_with("…(+65024 bytes)"), "{text}");
    }

    #[test]
    fn spaces_at_the_ends_are_written_in_hex_and_those_between_are_not() {
        assert_eq!(printable("  a b  "), "\\20 a b \\20");
        assert_eq!(ascii("  a b  ", b""), "\\20 a b \\20");
        assert_eq!((printable(" "), ascii(" ", b"")), ("\\20".to_owned(), "\\20".to_owned()));
        assert_eq!((printable("é "), ascii("é ", b"")), ("é\\20".to_owned(), "\\C3\\A9\\20".to_owned()));
    }

    #[test]
    fn text_is_read_in_each_of_its_types_and_only_whole() {
        let texts: [(u32, &[u8], Option<&str>); 10] = [
            (12, "Zoë".as_bytes(), Some("Zoë")),
            (12, b"\xff", None),
            (19, b"a*", Some("a*")),
            (20, b"Zo\xeb", Some("Zoë")),
            (28, b"\0\0\0Z\0\x01\xf9\x80", Some("Z\u{1f980}")),
            (28, b"\0\0\0Z\0", None),
            (28, b"\0\0\xd8\0", None),
            (30, b"\0Z\0\xeb", Some("Zë")),
            (30, b"\0Z\0", None),
            (4, b"a", None),
        ];
        for (tag, data, wanted) in texts {
            assert_eq!(text(tag, data).as_deref(), wanted, "{tag} {data:02x?}");
        }
    }

    #[test]
    fn a_text_that_was_cut_is_told_from_one_that_was_not() {
        for length in MAX_TEXT - 4..MAX_TEXT + 8 {
            for text in ["x".repeat(length), "é".repeat(length / 2), "🦀".repeat(length / 4)] {
                assert_eq!(is_cut(&cut(text.clone())), cut(text.clone()) != text, "{length}");
            }
        }
    }

    #[test]
    fn a_header_value_is_plain_ascii() {
        assert_eq!(ascii("Zoë,\\\n", b","), "Zo\\C3\\AB\\2C\\5C\\0A");
    }
}
