//! Subject alternative names, and the form in which they are compared.

use std::fmt;
use std::net::IpAddr;

use data_encoding::HEXLOWER;
use serde::{Serialize, Serializer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::name::{cut, oid_text, printable, rfc4514};

/// One subject alternative name (RFC 5280 section 4.2.1.6), as the certificate has it: compare
/// these, print them through `Display`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum San {
    /// `dNSName`
    Dns(String),
    /// `uniformResourceIdentifier`
    Uri(String),
    /// `rfc822Name`
    Email(String),
    /// `iPAddress`
    Ip(IpAddr),
}

impl San {
    /// The names of the four kinds above, in the certificate's order. Other kinds, and an extension
    /// that does not parse, give none.
    pub fn all(x509: &X509Certificate<'_>) -> Vec<Self> {
        let Ok(Some(extension)) = x509.subject_alternative_name() else {
            return Vec::new();
        };
        extension.value.general_names.iter().filter_map(Self::from_general_name).collect()
    }

    fn from_general_name(name: &GeneralName<'_>) -> Option<Self> {
        Some(match name {
            GeneralName::DNSName(name) => Self::Dns((*name).to_owned()),
            GeneralName::URI(uri) => Self::Uri((*uri).to_owned()),
            GeneralName::RFC822Name(address) => Self::Email((*address).to_owned()),
            GeneralName::IPAddress(octets) => Self::Ip(match octets.len() {
                4 => <[u8; 4]>::try_from(*octets).ok()?.into(),
                16 => <[u8; 16]>::try_from(*octets).ok()?.into(),
                _ => return None,
            }),
            _ => return None,
        })
    }

    /// The names for a log line or a report, including kinds that are not used otherwise. After `most` of them follows
    /// how many more there are.
    pub fn listed(x509: &X509Certificate<'_>, most: usize) -> Vec<String> {
        let Ok(Some(extension)) = x509.subject_alternative_name() else {
            return Vec::new();
        };
        let names = &extension.value.general_names;
        let more = names.len().saturating_sub(most);
        let more = (more > 0).then(|| format!("…(+{more} names)"));
        names.iter().take(most).map(listed).chain(more).collect()
    }

    /// Whether it is a DNS name that matches `host`: the same, or with a `*` for its first label
    /// (RFC 9525 section 6.3). Case and a dot at the end do not matter.
    pub fn covers(&self, host: &str) -> bool {
        let Self::Dns(name) = self else { return false };
        let host = host.trim_end_matches('.');
        match name.strip_prefix("*.") {
            Some(domain) => host
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain)),
            None => name.eq_ignore_ascii_case(host),
        }
    }

    /// The same in the form in which names are compared: the parts in which case does not matter are in lower case.
    ///
    /// Host names are case-insensitive (RFC 4343), scheme and host of a URI (RFC 3986 section 6.2.2.1) and the
    /// domain of an e-mail address (RFC 5321 section 2.4) too; its local part and a URI's path are not.
    pub fn canonical(&self) -> Self {
        match self {
            Self::Dns(name) => Self::Dns(canonical_dns(name)),
            Self::Uri(uri) => Self::Uri(canonical_uri(uri)),
            Self::Email(address) => Self::Email(canonical_email(address)),
            // An IPv4 address may be written as an IPv6 address (RFC 4291 section 2.5.5.2).
            Self::Ip(ip) => Self::Ip(ip.to_canonical()),
        }
    }

    /// The kind's name, as rules and logs write it, and the bare value.
    pub fn parts(&self) -> (&'static str, String) {
        match self {
            Self::Dns(name) => ("dns", name.clone()),
            Self::Uri(uri) => ("uri", uri.clone()),
            Self::Email(address) => ("email", address.clone()),
            Self::Ip(ip) => ("ip", ip.to_string()),
        }
    }
}

/// One name as it is listed. A kind that is no [`San`] has the name that OpenSSL's configuration files give it; a value that
/// cannot be written as text is left out.
fn listed(name: &GeneralName<'_>) -> String {
    match (San::from_general_name(name), name) {
        (Some(san), _) => san.to_string(),
        (None, GeneralName::DirectoryName(name)) => format!("dirName:{}", cut(rfc4514(name))),
        (None, GeneralName::RegisteredID(oid)) => format!("RID:{}", printable(&oid_text(oid))),
        (None, GeneralName::OtherName(oid, _)) => format!("otherName:{}", printable(&oid_text(oid))),
        (None, GeneralName::X400Address(_)) => "x400Address:".to_owned(),
        (None, GeneralName::EDIPartyName(_)) => "ediPartyName:".to_owned(),
        (None, GeneralName::IPAddress(octets)) => format!("ip:#{}", HEXLOWER.encode(octets)),
        (None, _) => "unknown:".to_owned(),
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, value) = self.parts();
        write!(f, "{kind}:{}", printable(&value))
    }
}

impl Serialize for San {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A host name in lower case, without a dot at its end.
pub(crate) fn canonical_dns(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A URI with scheme and host in lower case.
pub(crate) fn canonical_uri(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once(':') else { return uri.to_owned() };
    let scheme = scheme.to_ascii_lowercase();
    let Some(rest) = rest.strip_prefix("//") else { return format!("{scheme}:{rest}") };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host_at = authority.rfind('@').map_or(0, |at| at + 1);
    let (user, host) = authority.split_at(host_at);
    format!("{scheme}://{user}{}{path}", host.to_ascii_lowercase())
}

/// An e-mail address with its domain in lower case.
pub(crate) fn canonical_email(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_itself_and_a_wildcard_one_label() {
        let covers = |name: &str, host: &str| San::Dns(name.to_owned()).covers(host);
        assert!(covers("a.example", "A.Example."));
        assert!(covers("*.example", "a.example"));
        assert!(!covers("*.example", "example"));
        assert!(!covers("*.example", "a.b.example"));
        assert!(!covers("*.example", ".example"));
        assert!(!San::Uri("a.example".to_owned()).covers("a.example"));
    }

    #[test]
    fn only_what_case_matters_in_keeps_it() {
        let canonical = |san: San| san.canonical().parts().1;
        assert_eq!(canonical(San::Dns("Notes.Example.".into())), "notes.example");
        let uri = "SPIFFE://User@Trust.Example:8443/ns/Prod?Q";
        assert_eq!(canonical(San::Uri(uri.into())), "spiffe://User@trust.example:8443/ns/Prod?Q");
        assert_eq!(canonical(San::Uri("URN:UUID:AB".into())), "urn:UUID:AB");
        assert_eq!(canonical(San::Uri("no colon".into())), "no colon");
        assert_eq!(canonical(San::Email("A@b@EXAMPLE".into())), "A@b@example");
        assert_eq!(canonical(San::Ip("::ffff:10.0.0.1".parse().unwrap())), "10.0.0.1");
    }
}
