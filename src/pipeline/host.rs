//! The Host of a request: a name or an address, with or without a port, and nothing else.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest host name, in bytes (RFC 1035 section 2.3.4, without the dot at its end).
const MAX_NAME: usize = 253;
/// Longest label of one, in bytes.
const MAX_LABEL: usize = 63;

/// A valid host, as the client sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Host<'a> {
    text: &'a str,
    name: &'a str,
}

impl<'a> Host<'a> {
    /// Reads `uri-host [ ":" port ]` (RFC 9110 section 7.2), where the host is an IPv6 address in brackets, an
    /// IPv4 address, or a name of letters, digits, `-` and `_` between dots, one of which may be at its end.
    ///
    /// RFC 3986 section 3.2.2 allows `,`, `;`, `%` and the like in a name. No host name has them, and servers read them in
    /// different ways. WHATWG URL parsers read a name that ends in a number as an IPv4 address, in notations that others do
    /// not know (`127.1`, `0x7f.1`): only the usual notation is accepted.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
                (&text[..address.len() + 2], port)
            }
            None => {
                let (name, port) = match text.split_once(':') {
                    Some((name, port)) => (name, Some(port)),
                    None => (text, None),
                };
                (name, is_name(name).then_some(port)?)
            }
        };
        port.is_none_or(is_port).then_some(Self { text, name })
    }

    /// As it was sent.
    pub(crate) fn as_str(&self) -> &'a str {
        self.text
    }

    /// Without the port.
    pub(crate) fn name(&self) -> &'a str {
        self.name
    }

    /// Whether it is the same, but for case.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(other.text)
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.len() <= 5 && port.parse::<u16>().is_ok()
}

fn is_name(name: &str) -> bool {
    let plain = name.strip_suffix('.').unwrap_or(name);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label =
        |label: &str| !label.is_empty() && label.len() <= MAX_LABEL && label.bytes().all(fits);
    let last = plain.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    plain.len() <= MAX_NAME
        && plain.split('.').all(is_label)
        && (!is_number || name.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_a_port_or_without() {
        for (text, name) in [
            ("localhost", "localhost"),
            ("Hooks.Example:8443", "Hooks.Example"),
            ("localhost.", "localhost."),
            ("my_service:80", "my_service"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("3com.example", "3com.example"),
            ("0xdead.example", "0xdead.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1:65535", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[2001:db8::ffff:192.0.2.1]:8443", "[2001:db8::ffff:192.0.2.1]"),
        ] {
            assert_eq!(Host::parse(text), Some(Host { text, name }), "{text}");
        }
    }

    #[test]
    fn what_is_anything_else_is_no_host() {
        let long = |label: usize, labels: usize| vec!["a".repeat(label); labels].join(".");
        let (label, name) = (long(64, 2), long(50, 5));
        assert!(Host::parse(&long(63, 3)).is_some() && Host::parse(&long(49, 5)).is_some());
        #[rustfmt::skip]
        let others = [
            "", ".", "a..b", ".a", "a..", ":80", "a:", "a:80x", "a:x", "a:+80", "a:-1", "a: 80",
            "a:65536", "a:000080", "a:80:80", "a,b", "a;b", "a b", " a", "a ", "a\tb", "a/b", "a?b",
            "a#b", "a\\b", "u@a", "u:p@a", "a%2eb", "a%00", "é", "a\u{200b}", "a'b", "a*", "*", "(a)",
            "a=b", "a&b", "a!", "a$", "a~b", "a+b", "<a>", "a\"", "{a}", "a|b", "a^b", "a`b", "[::1",
            "::1", "[::1]x", "[::1]:", "[::1]:x", "[::1%25eth0]", "[::1%eth0]", "[v1.x]", "[]",
            "[127.0.0.1]", "[a]", "[::1]]", "[[::1]]", "a]", "127.1", "1", "0x7f.1", "0x7f000001",
            "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4.", "a.0x", "a.1", &label, &name,
        ];
        for text in others {
            assert_eq!(Host::parse(text), None, "{text:?}");
        }
    }
}
