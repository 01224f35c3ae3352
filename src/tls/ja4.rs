//! JA4, a fingerprint of how a TLS client says hello (FoxIO, `technical_details/JA4.md`): equal for
//! equal software, so that an operator can tell clients and scanners apart.

use std::fmt::Write;

use crate::identity::sha256;

/// The parts of a ClientHello that JA4 uses; GREASE values (RFC 8701) are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape<'a> {
    /// Highest version offered, as on the wire.
    pub(crate) version: u16,
    pub(super) has_sni: bool,
    pub(crate) alpn: Option<&'a str>,
    pub(crate) suites: &'a [u16],
    /// Extension types, in the order sent.
    pub(crate) extensions: &'a [u16],
    /// Signature schemes, in the order sent.
    pub(crate) schemes: &'a [u16],
}

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

impl Shape<'_> {
    pub(super) fn ja4(&self) -> String {
        let version = match self.version {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            _ => "00",
        };
        let sni = if self.has_sni { 'd' } else { 'i' };
        let (suites, extensions) = (self.suites.len().min(99), self.extensions.len().min(99));
        let mut rest: Vec<_> = self
            .extensions
            .iter()
            .copied()
            .filter(|kind| !matches!(*kind, SERVER_NAME | ALPN))
            .collect();
        rest.sort_unstable();
        let mut sorted = self.suites.to_vec();
        sorted.sort_unstable();
        let mut tail = hex_list(&rest);
        if !self.schemes.is_empty() {
            tail.push('_');
            tail.push_str(&hex_list(self.schemes));
        }
        let tail = if self.extensions.is_empty() { None } else { Some(tail) };
        format!(
            "t{version}{sni}{suites:02}{extensions:02}{}_{}_{}",
            alpn_ends(self.alpn),
            short_hash((!sorted.is_empty()).then(|| hex_list(&sorted))),
            short_hash(tail),
        )
    }
}

/// First and last character of the first protocol offered.
fn alpn_ends(alpn: Option<&str>) -> String {
    let bytes = alpn.unwrap_or_default().as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0xf)
}

fn short_hash(text: Option<String>) -> String {
    match text {
        Some(text) => sha256(text.as_bytes())[..12].to_owned(),
        None => "0".repeat(12),
    }
}

fn hex_list(values: &[u16]) -> String {
    let mut list = String::with_capacity(values.len() * 5);
    for (i, value) in values.iter().enumerate() {
        let separator = if i > 0 { "," } else { "" };
        let _ = write!(list, "{separator}{value:04x}");
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of JA4.md.
    #[test]
    fn the_published_example_is_reproduced() {
        let shape = Shape {
            version: 0x0304,
            has_sni: true,
            alpn: Some("h2"),
            suites: &[
                0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
                0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: &[
                0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
                0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
            ],
            schemes: &[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
        };
        assert_eq!(shape.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    }

    #[test]
    fn an_empty_hello_has_a_fingerprint_too() {
        assert_eq!(Shape::default().ja4(), "t00i000000_000000000000_000000000000");
    }

    #[test]
    fn protocols_are_named_by_their_ends() {
        assert_eq!(alpn_ends(Some("http/1.1")), "h1");
        assert_eq!(alpn_ends(Some("\u{1}ab\u{2}")), "02");
    }
}
