//! Name constraints (RFC 5280 section 4.2.1.10) on names that webpki does not check.
//!
//! webpki compares DNS names and IP addresses in subject alternative names. If there are constraints of another kind,
//! it refuses every certificate with a name of that kind. So webpki does not get those constraints of configured CAs
//! (`for_webpki`), and they are compared here. Constraints of a CA that a client sends cannot be hidden from webpki,
//! so it refuses.
//!
//! Rules may also use common names. Constraints apply to them as in OpenSSL: a common name that looks like a host name
//! counts as one if there is no DNS name.

mod encoding;
mod names;
mod subject;

use std::fmt;
use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

pub(super) use self::encoding::for_webpki;
use self::encoding::{PERMITTED, extension, subtrees};
pub(super) use self::names::Kind;
use self::names::{
    host_of_uri, is_dns_base, is_host_within, is_in_network, is_mail_within, is_within, may_reach,
};
pub(crate) use self::subject::SubjectNames;
use crate::identity::name::{cut, printable};
use crate::identity::{name_key, rfc4514};
use crate::pki::der::{self, Element, Malformed};

/// The maximum number of comparisons of one CA's constraints with the names of one certificate.
const MAX_COMPARISONS: usize = 65_536;

/// A CA's constraints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NameConstraints {
    permitted: Vec<Base>,
    excluded: Vec<Base>,
    is_unreadable: bool,
}

/// A base that names must be within, or must not be within.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Base {
    Dns(String),
    Ip(Box<[u8]>),
    Mail(String),
    Uri(String),
    /// For comparing ([`name_key`]).
    Directory(Box<[u8]>),
    Other,
}

/// A name that a certificate has.
enum Name<'a> {
    Dns(&'a str),
    Ip(&'a [u8]),
    Mail(&'a str),
    Uri(&'a str),
    Directory(&'a X509Name<'a>),
    Other,
    /// It does not have the encoding of its kind.
    Unreadable,
}

/// Why constraints refuse a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// They do not allow this name.
    Name(String),
    /// They are about a kind of names that is not compared if the client sends the CA.
    Kind(Kind),
    /// They have a base that is not supported.
    Base(String),
}

impl NameConstraints {
    /// Those in `ca`; `None` when it has none.
    pub(super) fn of(ca: &X509Certificate<'_>) -> Option<Self> {
        let all = Self::read(extension(ca)?)
            .unwrap_or_else(|Malformed| Self { is_unreadable: true, ..Self::default() });
        (all != Self::default()).then_some(all)
    }

    fn read(extension: &[u8]) -> Result<Self, Malformed> {
        let mut all = Self::default();
        for (tag, bases) in subtrees(extension)? {
            let list = if tag == PERMITTED { &mut all.permitted } else { &mut all.excluded };
            for base in bases {
                list.push(Base::read(base)?);
            }
        }
        Ok(all)
    }

    /// The first of `names` that is not allowed, as text for a sentence.
    pub(super) fn violation(&self, names: &SubjectNames) -> Option<String> {
        if self.is_unreadable {
            return Some("any, since its name constraints cannot be read".to_owned());
        }
        let mails = names.emails.iter().find(|mail| !self.allows(&Name::Mail(mail)));
        if let Some(mail) = mails {
            return Some(format!("the e-mail address {}", printable(mail)));
        }
        if !self.is_about(Kind::Dns) {
            return None;
        }
        if names.is_unreadable {
            return Some("a common name that cannot be read".to_owned());
        }
        if self.is_too_much(names.hosts.len()) {
            return Some("so many names".to_owned());
        }
        let host = names.hosts.iter().find(|host| !self.allows(&Name::Dns(host)))?;
        Some(format!("the common name {}", printable(host)))
    }

    /// Whether they are about names that webpki does not compare.
    pub(super) fn is_beyond_webpki(&self) -> bool {
        [Kind::Mail, Kind::Uri, Kind::Directory].into_iter().any(|kind| self.is_about(kind))
    }

    /// Why they refuse a certificate for its alternative names, or its subject as a directory name; `is_configured`:
    /// they are those of a configured CA.
    pub(super) fn refusal(
        &self,
        certificate: &X509Certificate<'_>,
        is_configured: bool,
    ) -> Option<Violation> {
        let Ok(sans) = certificate.subject_alternative_name() else {
            return Some(Violation::Name("names that cannot be read".to_owned()));
        };
        let sans = sans.iter().flat_map(|sans| &sans.value.general_names).map(Name::of);
        let subject = std::iter::once(Name::Directory(certificate.subject()));
        let names: Vec<_> = subject.chain(sans).collect();
        if self.is_too_much(names.len()) {
            return Some(Violation::Name("so many names".to_owned()));
        }
        names.iter().find_map(|name| self.refuses(name, is_configured))
    }

    fn refuses(&self, name: &Name<'_>, is_configured: bool) -> Option<Violation> {
        if matches!(name, Name::Unreadable) {
            let is_ours = is_configured && self.is_beyond_webpki();
            return is_ours.then(|| Violation::Name(name.to_string()));
        }
        let kind = name.kind();
        if !self.is_about(kind) {
            return None;
        }
        if kind == Kind::Other {
            return Some(Violation::Kind(kind));
        }
        // Without a subject there is no directory name, but webpki does not look.
        let is_empty = matches!(name, Name::Directory(name) if name.iter_rdn().next().is_none());
        if !is_empty && !self.allows(name) {
            let odd = self.bases().find_map(Base::unsupported);
            return Some(odd.map_or_else(|| Violation::Name(name.to_string()), Violation::Base));
        }
        if kind == Kind::Dns
            && let Some(odd) = self.bases().find_map(Base::unsupported)
        {
            return Some(Violation::Base(odd));
        }
        let is_compared = match kind {
            Kind::Dns | Kind::Ip => true,
            Kind::Mail | Kind::Uri | Kind::Directory | Kind::Other => is_configured,
        };
        (!is_compared).then_some(Violation::Kind(kind))
    }

    fn bases(&self) -> impl Iterator<Item = &Base> {
        self.permitted.iter().chain(&self.excluded)
    }

    fn is_about(&self, kind: Kind) -> bool {
        self.bases().any(|base| base.kind() == kind)
    }

    fn is_too_much(&self, names: usize) -> bool {
        names.saturating_mul(self.permitted.len() + self.excluded.len()) > MAX_COMPARISONS
    }

    /// Whether a name is within one of the permitted bases of its kind, if there are any, and within no excluded one.
    fn allows(&self, name: &Name<'_>) -> bool {
        let is_of_kind = |base: &&Base| base.kind() == name.kind();
        let mut permitted = self.permitted.iter().filter(is_of_kind).peekable();
        let is_permitted = permitted.peek().is_none() || permitted.any(|base| base.holds(name));
        is_permitted && !self.excluded.iter().filter(is_of_kind).any(|base| base.touches(name))
    }
}

impl Base {
    fn read(base: Element<'_>) -> Result<Self, Malformed> {
        let text = || str::from_utf8(base.content).map(str::to_owned).map_err(|_| Malformed);
        Ok(match base.tag {
            tag if tag == der::primitive(1) => Self::Mail(text()?),
            tag if tag == der::primitive(2) => Self::Dns(text()?),
            tag if tag == der::constructed(4) => {
                let (_, name) = X509Name::from_der(base.content).map_err(|_| Malformed)?;
                Self::Directory(name_key(&name))
            }
            tag if tag == der::primitive(6) => Self::Uri(text()?),
            tag if tag == der::primitive(7) => Self::Ip(base.content.into()),
            _ => Self::Other,
        })
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Dns(_) => Kind::Dns,
            Self::Ip(_) => Kind::Ip,
            Self::Mail(_) => Kind::Mail,
            Self::Uri(_) => Kind::Uri,
            Self::Directory(_) => Kind::Directory,
            Self::Other => Kind::Other,
        }
    }

    /// Whether `name` is within it.
    fn holds(&self, name: &Name<'_>) -> bool {
        match (self, name) {
            (Self::Dns(base), Name::Dns(name)) => is_within(name, base),
            (Self::Ip(base), Name::Ip(address)) => is_in_network(address, base),
            (Self::Mail(base), Name::Mail(mail)) => is_mail_within(mail, base),
            (Self::Uri(base), Name::Uri(uri)) => {
                host_of_uri(uri).is_some_and(|host| is_host_within(host, base))
            }
            (Self::Directory(base), Name::Directory(name)) => name_key(name).starts_with(base),
            _ => false,
        }
    }

    /// Whether `name` may be within it, as one that is excluded.
    fn touches(&self, name: &Name<'_>) -> bool {
        match (self, name) {
            (Self::Dns(base), Name::Dns(name)) => may_reach(name, base),
            // RFC 5280: a URI without a host that is a name must be refused; and a mailbox without one has none.
            (Self::Uri(_), Name::Uri(uri)) if host_of_uri(uri).is_none() => true,
            (Self::Mail(_), Name::Mail(mail)) if !mail.contains('@') || mail.ends_with('.') => true,
            _ => self.holds(name),
        }
    }

    /// The base as text, if webpki does not support it.
    fn unsupported(&self) -> Option<String> {
        match self {
            Self::Dns(base) if !is_dns_base(base) => Some(format!("the DNS name {}", printable(base))),
            _ => None,
        }
    }
}

impl<'a> Name<'a> {
    fn of(name: &'a GeneralName<'_>) -> Self {
        match name {
            GeneralName::DNSName(name) => Self::Dns(name),
            GeneralName::IPAddress(address) => Self::Ip(address),
            GeneralName::RFC822Name(mail) => Self::Mail(mail),
            GeneralName::URI(uri) => Self::Uri(uri),
            GeneralName::DirectoryName(name) => Self::Directory(name),
            GeneralName::Invalid(..) => Self::Unreadable,
            _ => Self::Other,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Dns(_) => Kind::Dns,
            Self::Ip(_) => Kind::Ip,
            Self::Mail(_) => Kind::Mail,
            Self::Uri(_) => Kind::Uri,
            Self::Directory(_) => Kind::Directory,
            Self::Other | Self::Unreadable => Kind::Other,
        }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "the DNS name {}", printable(name)),
            Self::Ip(address) => match ip_text(address) {
                Some(ip) => write!(f, "the IP address {ip}"),
                None => f.write_str("an IP address that cannot be read"),
            },
            Self::Mail(mail) => write!(f, "the e-mail address {}", printable(mail)),
            Self::Uri(uri) => write!(f, "the URI {}", printable(uri)),
            Self::Directory(name) => write!(f, "the directory name {}", cut(rfc4514(name))),
            Self::Other => f.write_str("a name of another kind"),
            Self::Unreadable => f.write_str("a name that cannot be read"),
        }
    }
}

fn ip_text(address: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(address).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(address).map(IpAddr::from)).ok()
}
