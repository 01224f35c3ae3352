//! What leaf certificates say, each read once.
//!
//! A sender comes back with the certificate it had before, and what that says depends on nothing else. So a
//! worker remembers what it has read in the certificates whose chains held. Whether they still do, and which key
//! certified the sender, is looked at each time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::Peer;

/// Certificates that one worker remembers.
const REMEMBERED: usize = 256;
/// Longest that is remembered, in bytes. With what it says a usual one takes 3 KiB, all together less than a MiB.
const LONGEST: usize = 4096;

thread_local! {
    static READ: RefCell<HashMap<Box<[u8]>, Rc<Leaf>>> = RefCell::default();
}

/// What a leaf certificate says by itself.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Whom it names; which key certified it only the chain tells.
    pub(super) peer: Peer,
    /// Whether its key may sign, as the sender does in the handshake.
    pub(super) may_sign: bool,
}

impl Leaf {
    /// Reads `der`; `None` when it is not an X.509 certificate.
    pub(super) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(der).ok()?;
        Some(Self { peer: Peer::of(der, &x509), may_sign: may_sign(&x509) })
    }

    /// The same of a certificate whose chain held, and which may come again.
    pub(super) fn read_once(der: &CertificateDer<'_>) -> Option<Rc<Self>> {
        if let Some(known) = READ.with_borrow(|read| read.get(&**der).cloned()) {
            return Some(known);
        }
        let leaf = Rc::new(Self::read(der)?);
        if der.len() <= LONGEST {
            READ.with_borrow_mut(|read| {
                if read.len() >= REMEMBERED {
                    read.clear();
                }
                read.insert(der.as_ref().into(), Rc::clone(&leaf));
            });
        }
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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate(name: &str) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap().der().clone()
    }

    fn remembered() -> usize {
        READ.with_borrow(HashMap::len)
    }

    #[test]
    fn a_certificate_that_comes_again_is_not_read_again() {
        let der = certificate("sender.example");

        let first = Leaf::read_once(&der).unwrap();
        let again = Leaf::read_once(&der.clone()).unwrap();

        assert!(Rc::ptr_eq(&first, &again));
    }

    #[test]
    fn another_certificate_is_another_sender() {
        let names = ["one.example", "two.example"];
        let [one, two] = names.map(|name| Leaf::read_once(&certificate(name)).unwrap());

        assert_eq!(one.peer.sans[0].to_string(), "dns:one.example");
        assert_eq!(two.peer.sans[0].to_string(), "dns:two.example");
    }

    #[test]
    fn no_more_than_so_many_are_remembered_and_none_that_is_long() {
        let der = certificate("sender.example");
        let long = certificate(&vec!["a".repeat(60); 80].join("."));
        assert!(long.len() > LONGEST);
        assert!(Leaf::read_once(&long).is_some());
        assert_eq!(remembered(), 0);

        for number in 0..=REMEMBERED {
            // Behind what is read they differ, which is no matter here.
            let different = CertificateDer::from([&*der, &number.to_be_bytes()].concat());
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
