//! Comparison of names with the bases of name constraints (RFC 5280 section 4.2.1.10).

use std::fmt;

/// The kinds of names that a certificate may have, by their tags in GeneralName (RFC 5280 section 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Dns,
    Ip,
    Mail,
    Uri,
    Directory,
    /// A kind that is not compared.
    Other,
}

impl fmt::Display for Kind {
    /// For several names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "DNS names",
            Self::Ip => "IP addresses",
            Self::Mail => "e-mail addresses",
            Self::Uri => "URIs",
            Self::Directory => "directory names (DN)",
            Self::Other => "other kinds of names (otherName, registeredID …)",
        })
    }
}

/// Whether `host` is `base` or below it; a `base` with a dot in front is not within itself, and an empty one holds all.
pub(super) fn is_within(host: &str, base: &str) -> bool {
    let Some(start) = host.len().checked_sub(base.len()) else { return false };
    let Some((before, end)) = host.split_at_checked(start) else { return false };
    let is_whole =
        before.is_empty() || base.is_empty() || base.starts_with('.') || before.ends_with('.');
    is_whole && end.eq_ignore_ascii_case(base)
}

/// Whether a host that matches the wildcard `name` may be within `base`.
pub(super) fn may_reach(name: &str, base: &str) -> bool {
    let Some(parent) = name.strip_prefix("*.") else { return is_within(name, base) };
    let below = base.split_once('.').is_some_and(|(_, above)| above.eq_ignore_ascii_case(parent));
    below || is_within(name, base)
}

/// Whether `base` is a DNS name that a constraint may have: without a wildcard, and without a dot at its end.
pub(super) fn is_dns_base(base: &str) -> bool {
    base.is_ascii() && !base.contains('*') && !base.ends_with('.')
}

/// An address within a network, which is written as address and mask.
pub(super) fn is_in_network(address: &[u8], network: &[u8]) -> bool {
    let (base, mask) = network.split_at(network.len() / 2);
    let bytes = address.iter().zip(base).zip(mask);
    base.len() == address.len()
        && base.len() == mask.len()
        && bytes.into_iter().all(|((byte, base), mask)| byte & mask == base & mask)
}

/// A mailbox is within a base that is the same mailbox, its host, or a domain that its host is below.
pub(super) fn is_mail_within(mail: &str, base: &str) -> bool {
    let Some((local, host)) = mail.rsplit_once('@') else { return false };
    match base.rsplit_once('@') {
        Some((base_local, base_host)) => local == base_local && host.eq_ignore_ascii_case(base_host),
        None => is_host_within(host, base),
    }
}

/// The host of a URI. A URI without a host name is within no base, and excluded by every base.
pub(super) fn host_of_uri(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next().filter(|host| !host.is_empty() && !host.starts_with('['))?;
    let is_address = host.parse::<std::net::Ipv4Addr>().is_ok();
    // A dot at the end means nothing to a resolver, but would make the comparison fail.
    (!is_address && !host.ends_with('.')).then_some(host)
}

/// A base without a dot in front is a host, one with it a domain, and an empty one holds all.
pub(super) fn is_host_within(host: &str, base: &str) -> bool {
    match base.starts_with('.') || base.is_empty() {
        true => is_within(host, base),
        false => host.eq_ignore_ascii_case(base),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_within_a_base_label_by_label() {
        for (host, base) in [
            ("a.good.test", "good.test"),
            ("good.test", "good.test"),
            ("A.GOOD.test", "good.TEST"),
            ("a.good.test", ".good.test"),
            ("a.b", ""),
        ] {
            assert!(is_within(host, base), "{host} {base}");
        }
        for (host, base) in [
            ("evilgood.test", "good.test"),
            ("good.test", ".good.test"),
            ("test", "good.test"),
            ("good.test.evil", "good.test"),
        ] {
            assert!(!is_within(host, base), "{host} {base}");
        }
    }

    #[test]
    fn a_wildcard_is_within_a_base_if_one_of_its_names_may_be() {
        for (name, base) in [("*.a.test", "x.a.test"), ("*.a.test", "a.test"), ("b.a.test", "a.test")] {
            assert!(may_reach(name, base), "{name} {base}");
        }
        for (name, base) in
            [("*.a.test", "x.b.test"), ("*.a.test", "x.y.a.test"), ("a.test", "b.a.test")]
        {
            assert!(!may_reach(name, base), "{name} {base}");
        }
    }

    #[test]
    fn a_mailbox_is_within_itself_its_host_and_a_domain_above_that() {
        for base in ["me@a.good.test", "A.good.test", ".good.test", ""] {
            assert!(is_mail_within("me@a.good.test", base), "{base}");
        }
        for base in ["Me@a.good.test", "you@a.good.test", "good.test", ".a.good.test", "evil.test"] {
            assert!(!is_mail_within("me@a.good.test", base), "{base}");
        }
        assert!(!is_mail_within("no-mailbox", ""));
    }

    #[test]
    fn the_host_of_a_uri_is_a_name_or_none() {
        assert_eq!(host_of_uri("spiffe://good.test/a"), Some("good.test"));
        assert_eq!(host_of_uri("https://me@good.test:8443?x"), Some("good.test"));
        for uri in ["urn:a:b", "https:///x", "https://192.0.2.1/", "https://[2001:db8::1]/", "https://"]
        {
            assert_eq!(host_of_uri(uri), None, "{uri}");
        }
    }

    #[test]
    fn an_address_is_in_a_network_of_its_own_kind() {
        assert!(is_in_network(&[192, 0, 2, 7], &[192, 0, 2, 0, 255, 255, 255, 0]));
        assert!(!is_in_network(&[192, 0, 3, 7], &[192, 0, 2, 0, 255, 255, 255, 0]));
        assert!(!is_in_network(&[0; 16], &[0; 8]));
        assert!(!is_in_network(&[0; 4], &[0; 7]));
    }
}
