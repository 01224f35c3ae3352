//! What leaf certificates say, each read once.
//!
//! A client comes back with the certificate it had before, and what that says depends on nothing else. So a
//! worker remembers what it has read in the certificates whose chains held. Whether they still do, and which key
//! certified the client, is looked at each time.

use std::cell::RefCell;
use std::rc::Rc;

use rustls_pki_types::CertificateDer;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::constraints::SubjectNames;
use super::der_cache::DerCache;
use crate::identity::{Peer, check_names};

thread_local! {
    static READ: RefCell<DerCache<Leaf>> = RefCell::default();
}

/// What a leaf certificate says by itself.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// Whom it names; which key certified it only the chain tells.
    pub(crate) peer: Peer,
    /// Whether its key may sign as a client does in the handshake.
    pub(crate) may_sign: bool,
    /// Those of its names that are held against name constraints besides what webpki looks at.
    pub(crate) names: SubjectNames,
}

impl Leaf {
    /// Reads `der`; `None` when it is not an X.509 certificate and nothing else, or the names in it cannot be read
    /// to their end: rules would not see all of them.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (rest, x509) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() || check_names(&x509).is_err() {
            return None;
        }
        Some(Self {
            peer: Peer::of(der, &x509),
            may_sign: may_sign(&x509) && is_netscape_client(&x509),
            names: SubjectNames::of_leaf(&x509),
        })
    }

    /// The same of a certificate whose chain held, and which may come again.
    pub(crate) fn read_once(der: &CertificateDer<'_>) -> Option<Rc<Self>> {
        if let Some(known) = READ.with_borrow(|read| read.find(der)) {
            return Some(known);
        }
        let leaf = Rc::new(Self::read(der)?);
        READ.with_borrow_mut(|read| read.insert(der, &leaf));
        Some(leaf)
    }
}

/// RFC 8446 section 4.4.2.2: if key usage is stated, digitalSignature must be among it. webpki does
/// not look; OpenSSL does.
fn may_sign(leaf: &X509Certificate<'_>) -> bool {
    match leaf.key_usage() {
        Ok(Some(usage)) => usage.value.digital_signature(),
        Ok(None) => true,
        Err(_) => false,
    }
}

/// Whether the leaf is a TLS client's by its Netscape certificate type, the forerunner of extended key usage, if it
/// states one. OpenSSL looks.
pub(crate) fn is_netscape_client(leaf: &X509Certificate<'_>) -> bool {
    leaf.extensions().iter().all(|extension| match extension.parsed_extension() {
        ParsedExtension::NSCertType(kind) => kind.ssl_client(),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::pki::der_cache::{LONGEST, REMEMBERED};

    fn certificate(name: &str) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap().der().clone()
    }

    fn remembered() -> usize {
        READ.with_borrow(DerCache::len)
    }

    #[test]
    fn a_certificate_that_comes_again_is_not_read_again() {
        let der = certificate("client.example");

        let first = Leaf::read_once(&der).unwrap();
        let again = Leaf::read_once(&der.clone()).unwrap();

        assert!(Rc::ptr_eq(&first, &again));
    }

    #[test]
    fn another_certificate_is_another_client() {
        let names = ["one.example", "two.example"];
        let [one, two] = names.map(|name| Leaf::read_once(&certificate(name)).unwrap());

        assert_eq!(one.peer.sans[0].to_string(), "dns:one.example");
        assert_eq!(two.peer.sans[0].to_string(), "dns:two.example");
    }

    #[test]
    fn no_more_than_so_many_are_remembered_and_none_that_is_long() {
        let der = certificate("client.example");
        let long = certificate(&vec!["a".repeat(60); 80].join("."));
        assert!(long.len() > LONGEST);
        assert!(Leaf::read_once(&long).is_some());
        assert_eq!(remembered(), 0);

        for number in 0..=REMEMBERED {
            // Its signature is not looked at here.
            let (start, end) = der.split_at(der.len() - size_of::<usize>());
            assert_eq!(end.len(), number.to_be_bytes().len());
            let different = CertificateDer::from([start, &number.to_be_bytes()].concat());
            assert!(Leaf::read_once(&different).is_some());
            assert!(remembered() <= REMEMBERED);
        }
        assert_eq!(remembered(), 1);
    }

    #[test]
    fn what_is_no_certificate_is_not_remembered() {
        assert!(Leaf::read_once(&CertificateDer::from(vec![0x30, 0])).is_none());
        assert_eq!(remembered(), 0);
    }
}
