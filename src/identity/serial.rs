//! Serial numbers as text, in one form for rules, denylists, header fields and the log.

use data_encoding::HEXLOWER;

/// A serial number (the content of its INTEGER, two's complement) in lower-case hex: `-` before a negative one,
/// as OpenSSL prints it, and whole octets without any zero octet in front. It is never cut: half a number
/// is another one.
///
/// RFC 5280 section 4.1.2.2 wants serial numbers positive, and has certificates with others handled gracefully.
pub fn serial_text(content: &[u8]) -> String {
    let is_negative = content.first().is_some_and(|first| first & 0x80 != 0);
    if !is_negative {
        return magnitude(content);
    }
    let mut negated: Vec<u8> = content.iter().map(|byte| !byte).collect();
    for byte in negated.iter_mut().rev() {
        let carry;
        (*byte, carry) = byte.overflowing_add(1);
        if !carry {
            break;
        }
    }
    // Only the carry is left of -128: 0x80, which is its magnitude.
    format!("-{}", magnitude(&negated))
}

fn magnitude(bytes: &[u8]) -> String {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let significant = &bytes[zeros..];
    if significant.is_empty() { "00".to_owned() } else { HEXLOWER.encode(significant) }
}

/// A serial number as people write it (hex in either case, colons allowed, `-` before a negative one) in the form
/// of [`serial_text`]; `None` when it is none.
pub fn canonical_serial(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let hex: String = digits.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase();
    if hex.is_empty() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let significant = hex.trim_start_matches('0');
    Some(match (significant, significant.len() % 2) {
        ("", _) => "00".to_owned(),
        (significant, 0) => format!("{sign}{significant}"),
        (significant, _) => format!("{sign}0{significant}"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_written_as_openssl_writes_them() {
        for (content, text) in [
            (&[0x0a, 0xff][..], "0aff"),
            (&[0x00, 0x81], "81"),
            (&[0x81], "-7f"),
            (&[0xff], "-01"),
            (&[0x80], "-80"),
            (&[0xff, 0x00], "-0100"),
            (&[0x80, 0x00], "-8000"),
            (&[0x00], "00"),
            (&[], "00"),
            (&[0x00, 0x00, 0x05], "05"),
            (&[0xff, 0xff, 0x05], "-fb"),
        ] {
            assert_eq!(serial_text(content), text, "{content:02x?}");
            assert_eq!(canonical_serial(text).as_deref(), Some(text));
        }
        assert_eq!(serial_text(&[0x11; 40]), "11".repeat(40));
    }

    #[test]
    fn what_people_write_is_read_as_the_same_number_or_not_at_all() {
        for (text, canonical) in
            [("A:1b", "0a1b"), ("00:0A:1B", "0a1b"), ("-1", "-01"), ("-0", "00"), ("000", "00")]
        {
            assert_eq!(canonical_serial(text).as_deref(), Some(canonical), "{text}");
        }
        for text in ["", "-", ":", "--1", "1-", "0x1", "g", "1 2", "+1", "…"] {
            assert_eq!(canonical_serial(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn two_numbers_never_have_one_text(all in proptest::collection::vec(any::<i64>(), 2..20)) {
            let mut texts = HashMap::new();
            for number in all.into_iter().flat_map(|n| [n, n % 256, n % 65536, -(n % 256)]) {
                let text = serial_text(&number.to_be_bytes());
                let before = texts.insert(text, number);
                prop_assert!(before.is_none_or(|before| before == number), "{before:?} {number}");
            }
        }
    }
}
