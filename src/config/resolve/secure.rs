//! TLS to upstreams: what `[upstream]` says of it, for all that are `https`.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Resolver;
use crate::config::file_name;
use crate::config::keys;
use crate::config::layers::Sourced;
use crate::config::problem::{Origin, Report};
use crate::config::settings::UpstreamSettings;
use crate::config::values;
use crate::identity::rfc3339;
use crate::tls::material::unix_seconds;
use crate::tls::pem::FileError;
use crate::upstream::{Secure, Target, chain_in, roots_in, system_roots, with_key};

/// What is there for TLS to upstreams.
pub(super) struct SharedSecure {
    ca: Option<Sourced<PathBuf>>,
    /// `None`: the file could not be used, which has been reported.
    roots: Option<Arc<RootCertStore>>,
    /// Read when the first upstream needs them.
    system_roots: OnceCell<Option<Arc<RootCertStore>>>,
    name: Option<Sourced<ServerName<'static>>>,
    certificate: Option<Sourced<PathBuf>>,
    key: Option<Sourced<PathBuf>>,
    identity: Option<Arc<CertifiedKey>>,
}

impl SharedSecure {
    /// The file with the CAs; `None`: the system's.
    pub(super) fn ca(&self) -> Option<&Path> {
        self.ca.as_ref().map(|ca| ca.value.as_path())
    }

    /// The file with the certificate that is shown to upstreams.
    pub(super) fn certificate(&self) -> Option<&Path> {
        self.certificate.as_ref().map(|certificate| certificate.value.as_path())
    }

    /// TLS for `target`. `is_own`: it is a route's own, and not called by the name of `[upstream]`.
    pub(super) fn to(
        &self,
        target: &Target,
        is_own: bool,
        origin: &Origin,
        report: &mut Report,
    ) -> Option<Secure> {
        let Target::Https { host, .. } = target else { return None };
        let name = self.name.as_ref().filter(|_| !is_own).map(|name| name.value.clone());
        let name = name.or_else(|| {
            let name = ServerName::try_from(host.clone());
            if name.is_err() {
                let what = format!("`{host}` is not a host name that a certificate can have");
                report.problem(origin, what, "write https://NAME:PORT, or set upstream.server_name");
            }
            name.ok()
        });
        let roots = match &self.ca {
            Some(_) => self.roots.clone(),
            None => self.system_roots(origin, report),
        };
        Some(Secure { roots: roots?, name: name?, identity: self.identity.clone() })
    }

    fn system_roots(&self, origin: &Origin, report: &mut Report) -> Option<Arc<RootCertStore>> {
        let roots = self.system_roots.get_or_init(|| {
            let roots = system_roots().map(Arc::new);
            if roots.is_none() {
                let what = "is an https address, and the system has no CA to check its certificate with";
                report.problem(origin, what, "name the CA of its certificate in upstream.ca");
            }
            roots
        });
        roots.clone()
    }

    /// What nothing uses is a mistake: somebody believes that it is used.
    pub(super) fn check_is_used(&self, upstreams: &[UpstreamSettings], report: &mut Report) {
        let https = |upstream: &UpstreamSettings| matches!(upstream.target, Target::Https { .. });
        if upstreams.iter().any(https) {
            return;
        }
        let origins = [
            self.ca.as_ref().map(|ca| &ca.origin),
            self.name.as_ref().map(|name| &name.origin),
            self.certificate.as_ref().map(|certificate| &certificate.origin),
            self.key.as_ref().map(|key| &key.origin),
        ];
        for origin in origins.into_iter().flatten() {
            let what = "is for https upstreams, and there is none";
            report.problem(origin, what, "make upstream.url an https:// address, or take it out");
        }
    }
}

impl Resolver<'_> {
    pub(super) fn shared_secure(&mut self) -> SharedSecure {
        let ca = self.one(&keys::UPSTREAM_CA, file_name::file);
        let roots = ca.as_ref().and_then(|ca| {
            let roots = roots_in(&ca.value);
            roots.map(Arc::new).map_err(|error| self.file_problem(&ca.origin, error)).ok()
        });
        let certificate = self.one(&keys::UPSTREAM_CERTIFICATE, file_name::file);
        let key = self.one(&keys::UPSTREAM_PRIVATE_KEY, file_name::file);
        let identity = self.identity(certificate.as_ref(), key.as_ref());
        let name = self.one(&keys::UPSTREAM_SERVER_NAME, values::server_name);
        SharedSecure { ca, roots, system_roots: OnceCell::new(), name, certificate, key, identity }
    }

    fn identity(
        &mut self,
        certificate: Option<&Sourced<PathBuf>>,
        key: Option<&Sourced<PathBuf>>,
    ) -> Option<Arc<CertifiedKey>> {
        let (certificate, key) = match (certificate, key) {
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(certificate), None) => {
                let hint = format!("name its key in {}", keys::UPSTREAM_PRIVATE_KEY.ways());
                self.report.problem(&certificate.origin, "is there without its private key", hint);
                return None;
            }
            (None, Some(key)) => {
                let hint = format!("name its certificate in {}", keys::UPSTREAM_CERTIFICATE.ways());
                self.report.problem(&key.origin, "is there without its certificate", hint);
                return None;
            }
            (None, None) => return None,
        };
        let chain = chain_in(&certificate.value);
        let (chain, unused) =
            chain.map_err(|error| self.file_problem(&certificate.origin, error)).ok()?;
        for unused in unused.iter().filter(|_| certificate.value != key.value) {
            let (what, hint) = unused.words();
            let what = format!("{}: {what}", certificate.value.display());
            self.report.warning(&certificate.origin, what, hint);
        }
        let identity = with_key(chain, &certificate.value, &key.value);
        let identity = identity.map_err(|error| self.file_problem(&key.origin, error)).ok()?;
        self.doubt(&identity, certificate);
        Some(Arc::new(identity))
    }

    /// What an upstream may take amiss.
    fn doubt(&mut self, identity: &CertifiedKey, certificate: &Sourced<PathBuf>) {
        let leaf = identity.cert.first().and_then(|der| X509Certificate::from_der(der).ok());
        let Some((_, leaf)) = leaf else { return };
        let shown = certificate.value.display();
        let validity = leaf.validity();
        if validity.not_after.timestamp() < unix_seconds(self.now) {
            let what =
                format!("{shown}: has expired: it was valid until {}", rfc3339(validity.not_after));
            self.report.warning(&certificate.origin, what, "renew it; the upstream will refuse it");
        }
        let usage = leaf.extended_key_usage().ok().flatten();
        if usage.is_some_and(|usage| !usage.value.client_auth && !usage.value.any) {
            let what = format!("{shown}: is not for clients: its extendedKeyUsage lacks clientAuth");
            let hint = "have it issued with extendedKeyUsage=clientAuth; the upstream may refuse it";
            self.report.warning(&certificate.origin, what, hint);
        }
    }

    pub(super) fn file_problem(&mut self, origin: &Origin, error: FileError) {
        let FileError { path, what, mend: hint } = error;
        self.report.problem(origin, format!("{}: {what}", path.display()), hint);
    }
}
