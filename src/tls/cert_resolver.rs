//! Which of clawgate's certificates a client gets.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::UnixTime;

use crate::identity::San;
use crate::pki::material::Own;

/// Clawgate's certificates, by the names that clients ask for (SNI, RFC 6066 section 3).
#[derive(Debug)]
pub(super) struct CertResolver {
    certificates: Vec<ServerCert>,
    /// By DNS name in lower case, a wildcard with its `*`: the numbers of the certificates, the preferred first.
    names: HashMap<String, Vec<usize>>,
    /// For clients that ask for no name, or for one that no certificate has.
    default: Vec<usize>,
}

/// A certificate, with and without its OCSP response.
#[derive(Debug)]
struct ServerCert {
    bare: Arc<CertifiedKey>,
    /// With an OCSP response, and the last second at which that is valid.
    stapled: Option<(Arc<CertifiedKey>, u64)>,
}

impl ServerCert {
    fn new(own: &Own) -> Self {
        let bare = Arc::clone(&own.certified);
        let stapled = own.staple.as_ref().map(|staple| {
            let stapled = CertifiedKey { ocsp: Some(staple.response.clone()), ..(*bare).clone() };
            (Arc::new(stapled), u64::try_from(staple.until).unwrap_or(0))
        });
        Self { bare, stapled }
    }

    fn at(&self, now: UnixTime) -> Arc<CertifiedKey> {
        match &self.stapled {
            Some((stapled, until)) if now.as_secs() <= *until => Arc::clone(stapled),
            _ => Arc::clone(&self.bare),
        }
    }
}

impl CertResolver {
    /// Chooses from `own`, of which the first is the default.
    pub(crate) fn new(own: &[Own]) -> Self {
        let mut names: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, certificate) in own.iter().enumerate() {
            for name in certificate.names.iter().filter_map(dns) {
                let numbers = names.entry(name).or_default();
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }
        for numbers in names.values_mut() {
            // A stable sort: the settings decide among equals.
            numbers.sort_by_key(|number| rank(own[*number].algorithm()));
        }
        // Certificates with the names of the first one, but another kind of key, are for the same clients.
        let of_first = own.first().map(|first| first.names.as_slice()).unwrap_or_default();
        let twins = (1..own.len()).filter(|number| {
            let names = &own[*number].names;
            of_first.iter().any(|name| dns(name).is_some() && names.contains(name))
        });
        let mut default: Vec<usize> = std::iter::once(0).chain(twins).collect();
        default.sort_by_key(|number| rank(own[*number].algorithm()));
        let certificates = own.iter().map(ServerCert::new).collect();
        Self { certificates, names, default }
    }

    /// The certificate for a client that asks for `name` and can verify `schemes`.
    ///
    /// A certificate that the client cannot verify is chosen only if there is no other one with that name. Then rustls
    /// reports what is missing; a certificate with another name would be refused by the client.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<&ServerCert> {
        let name = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let wildcard =
            name.as_deref().and_then(|name| name.split_once('.')).map(|(_, rest)| format!("*.{rest}"));
        let of = |name: &Option<String>| name.as_ref().and_then(|name| self.names.get(name));
        let named: Vec<usize> = of(&name).into_iter().chain(of(&wildcard)).flatten().copied().collect();
        let candidates = if named.is_empty() { &self.default } else { &named };
        let mut candidates = candidates.iter().filter_map(|number| self.certificates.get(*number));
        let first = candidates.clone().next();
        candidates.find(|cert| cert.bare.key.choose_scheme(schemes).is_some()).or(first)
    }
}

/// RSA comes last: a signature costs many times more than with other keys, and the certificates are larger.
fn rank(algorithm: SignatureAlgorithm) -> u8 {
    u8::from(algorithm == SignatureAlgorithm::RSA)
}

fn dns(name: &San) -> Option<String> {
    match name {
        San::Dns(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    }
}

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let cert = self.choose(hello.server_name(), hello.signature_schemes())?;
        Some(cert.at(UnixTime::now()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls_pki_types::PrivateKeyDer;

    use super::*;

    #[test]
    fn a_response_is_not_sent_after_its_last_second() {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
        let bare = CertifiedKey::new(vec![pair.cert.der().clone()], key);
        let stapled = CertifiedKey { ocsp: Some(vec![1]), ..bare.clone() };
        let cert = ServerCert { bare: Arc::new(bare), stapled: Some((Arc::new(stapled), 100)) };
        let is_stapled =
            |second| cert.at(UnixTime::since_unix_epoch(Duration::from_secs(second))).ocsp.is_some();

        assert!(is_stapled(0) && is_stapled(100));
        assert!(!is_stapled(101));
    }
}
