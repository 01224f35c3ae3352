//! TLS to upstreams: what `[upstream]` says of it, for all that are `https`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::resolver::Resolver;
use crate::config::key::Key;
use crate::config::keys;
use crate::config::layers::Sourced;
use crate::config::problem::{Found, Origin};
use crate::identity::rfc3339;
use crate::identity::time::unix_seconds;
use crate::problem::Problem;
use crate::upstream::{Target, UpstreamTls, chain_in, roots_in, system_roots, with_key};

type File = Sourced<PathBuf>;

/// What there is for TLS to upstreams.
pub(super) struct Shared {
    ca: Found<Option<File>>,
    /// What `ca` holds, or the system's, which are read when the first upstream needs them.
    roots: Option<Found<Arc<RootCertStore>>>,
    name: Found<Option<Sourced<ServerName<'static>>>>,
    certificate: Found<Option<File>>,
    identity: Found<Option<Arc<CertifiedKey>>>,
}

impl Shared {
    pub(super) fn new(r: &mut Resolver<'_>) -> Self {
        let ca = r.optional(&keys::UPSTREAM_CA);
        let roots = match &ca {
            Ok(None) => None,
            Ok(Some(ca)) => {
                let roots = roots_in(&ca.value);
                Some(roots.map(Arc::new).map_err(|error| r.file_problem(&ca.origin, error)))
            }
            Err(reported) => Some(Err(*reported)),
        };
        let certificate = r.optional(&keys::UPSTREAM_CERTIFICATE);
        let key = r.optional(&keys::UPSTREAM_PRIVATE_KEY);
        let names: [&Key; 2] = [&keys::UPSTREAM_CERTIFICATE, &keys::UPSTREAM_PRIVATE_KEY];
        let identity = match (&certificate, &key) {
            (Ok(certificate), Ok(key)) => identity(r, certificate.as_ref(), key.as_ref(), names),
            (Err(reported), _) | (_, Err(reported)) => Err(*reported),
        };
        Self { ca, roots, name: r.optional(&keys::UPSTREAM_SERVER_NAME), certificate, identity }
    }

    /// The file with the CAs; `None`: the system's.
    pub(super) fn ca(&self) -> Option<&Path> {
        self.ca.as_ref().ok()?.as_ref().map(|ca| ca.value.as_path())
    }

    /// The file with the certificate for upstreams that ask for one.
    pub(super) fn certificate(&self) -> Option<&Path> {
        self.certificate.as_ref().ok()?.as_ref().map(|certificate| certificate.value.as_path())
    }

    /// TLS to `target`, which was named at `origin`. `is_own`: it is a route's own, for which the name in `[upstream]`
    /// does not hold.
    pub(super) fn to(
        &mut self,
        r: &mut Resolver<'_>,
        target: &Target,
        is_own: bool,
        origin: &Origin,
    ) -> Found<Option<UpstreamTls>> {
        let Target::Https { host, .. } = target else { return Ok(None) };
        let name = match self.name.clone()?.filter(|_| !is_own) {
            Some(name) => Ok(name.value),
            None => ServerName::try_from(host.clone()).map_err(|_| {
                let what = format!("`{host}` is not a host name that a certificate can have");
                r.report.problem(origin, what, "write https://NAME:PORT, or set upstream.server_name")
            }),
        };
        let hint = "name the CA of its certificate in upstream.ca";
        let roots = self.roots.get_or_insert_with(|| of_system(r, origin, hint).map(Arc::new));
        Ok(Some(UpstreamTls { roots: roots.clone()?, name: name?, identity: self.identity.clone()? }))
    }
}

/// The system's CAs, for an https address that was named at `origin`.
pub(super) fn of_system(r: &mut Resolver<'_>, origin: &Origin, hint: &str) -> Found<RootCertStore> {
    system_roots().ok_or_else(|| {
        let what = "is an https address, and the system has no CA to verify its certificate with";
        r.report.problem(origin, what, hint)
    })
}

/// A setting that nothing uses is a mistake: somebody believes that it is used.
pub(super) fn check_is_used<'a>(r: &mut Resolver<'_>, mut targets: impl Iterator<Item = &'a Target>) {
    if targets.any(|target| matches!(target, Target::Https { .. })) {
        return;
    }
    let keys = [
        &keys::UPSTREAM_CA.key,
        &keys::UPSTREAM_SERVER_NAME.key,
        &keys::UPSTREAM_CERTIFICATE.key,
        &keys::UPSTREAM_PRIVATE_KEY.key,
    ];
    for origin in keys.into_iter().filter_map(|key| r.origin(key)).collect::<Vec<_>>() {
        let what = "is for https upstreams, and there is none";
        r.report.problem(&origin, what, "make upstream.url an https:// address, or remove this");
    }
}

/// The certificate with its key; `names` are those of the two settings.
pub(super) fn identity(
    r: &mut Resolver<'_>,
    certificate: Option<&File>,
    key: Option<&File>,
    names: [&Key; 2],
) -> Found<Option<Arc<CertifiedKey>>> {
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(certificate), None) => {
            let hint = format!("name its key in {}", names[1].ways());
            return Err(r.report.problem(&certificate.origin, "is set without its private key", hint));
        }
        (None, Some(key)) => {
            let hint = format!("name its certificate in {}", names[0].ways());
            return Err(r.report.problem(&key.origin, "is set without its certificate", hint));
        }
        (None, None) => return Ok(None),
    };
    let chain = chain_in(&certificate.value);
    let (chain, unused) = chain.map_err(|error| r.file_problem(&certificate.origin, error))?;
    for unused in unused.iter().filter(|_| certificate.value != key.value) {
        let Problem { what, hint, .. } = unused.problem();
        let what = format!("{}: {what}", certificate.value.display());
        r.report.warning(&certificate.origin, what, hint);
    }
    let identity = with_key(chain, &certificate.value, &key.value);
    let identity = identity.map_err(|error| r.file_problem(&key.origin, error))?;
    warn_of_refusal(r, &identity, certificate);
    Ok(Some(Arc::new(identity)))
}

/// Warns of what an upstream may refuse.
fn warn_of_refusal(r: &mut Resolver<'_>, identity: &CertifiedKey, certificate: &File) {
    let leaf = identity.cert.first().and_then(|der| X509Certificate::from_der(der).ok());
    let Some((_, leaf)) = leaf else { return };
    let shown = certificate.value.display();
    let validity = leaf.validity();
    if validity.not_after.timestamp() < unix_seconds(r.now) {
        let what = format!("{shown}: has expired: it was valid until {}", rfc3339(validity.not_after));
        r.report.warning(&certificate.origin, what, "renew it; the upstream will refuse it");
    }
    let usage = leaf.extended_key_usage().ok().flatten();
    if usage.is_some_and(|usage| !usage.value.client_auth && !usage.value.any) {
        let what = format!("{shown}: is not for clients: its extendedKeyUsage lacks clientAuth");
        let hint = "have it issued with extendedKeyUsage=clientAuth; the upstream may refuse it";
        r.report.warning(&certificate.origin, what, hint);
    }
}
