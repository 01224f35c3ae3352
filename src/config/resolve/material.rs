//! Certificates, keys and revocation lists. Their files are read here, so that what is wrong with them is reported
//! together with the rest.

use std::path::PathBuf;

use super::resolver::Resolver;
use crate::config::key::Key;
use crate::config::keys;
use crate::config::layers::List;
use crate::config::problem::{Found, Origin, Reported};
use crate::pki::material::{self, Input, Material, MaterialPaths, MaterialProblem};
use crate::pki::revocation::Policy;

pub(super) fn material(r: &mut Resolver<'_>) -> Found<(Material, MaterialPaths)> {
    let without_clients = no_listener_asks(r);
    let set = check_required(r, without_clients);
    let files = Files {
        certificate: r.list(&keys::CERTIFICATE),
        private_key: r.list(&keys::PRIVATE_KEY),
        client_ca: r.list(&keys::CLIENT_CA),
        ocsp: r.list(&keys::OCSP),
        crl: r.list(&keys::CRL),
        denylist: r.list(&keys::DENYLIST),
    };
    let policy = policy(r);
    let pinned = r.list(&keys::PINNED);
    let mut paths = files.paths();
    // Wrong values are no reason to leave the files unread: what is wrong with them is reported, too.
    paths.revocation = policy.unwrap_or_default();
    paths.pinned = pinned.values.iter().map(|digest| digest.value).collect();
    paths.without_clients = without_clients;
    let loaded = match &r.sources.clients_with {
        Some(known) => material::load_clients(&paths, known.clone(), r.now),
        None => material::load(&paths, r.now),
    };
    let shown =
        |problem: &MaterialProblem| format!("{}: {}", problem.place.path.display(), problem.what);
    match loaded {
        Ok(material) => {
            for problem in &material.warnings {
                r.report.warning(&files.origin_of(problem), shown(problem), &problem.hint);
            }
            set.and(policy.map(drop)).and(pinned.all().map(drop)).and(files.complete())?;
            Ok((material, paths))
        }
        Err(problems) => {
            let report = |problem: &MaterialProblem| {
                r.report.problem(&files.origin_of(problem), shown(problem), &problem.hint)
            };
            let reported = problems.iter().map(report).last();
            // Without a problem of a file one is missing.
            let missing =
                || set.and(files.complete()).err().unwrap_or_else(|| required(r, &keys::CLIENT_CA));
            Err(reported.unwrap_or_else(missing))
        }
    }
}

fn policy(r: &mut Resolver<'_>) -> Found<Policy> {
    let (demand, expired) = (r.value(&keys::CRL_POLICY), r.value(&keys::CRL_EXPIRED));
    Ok(Policy { demand: demand?, expired: expired? })
}

/// Whether there are listeners, but none that asks clients for a certificate.
fn no_listener_asks(r: &Resolver<'_>) -> bool {
    let layers = &r.sources.layers;
    layers.sets(&keys::SIGNED_ADDRESS)
        && !layers.sets(&keys::LISTEN)
        && !layers.sets(&keys::PROXY_ADDRESS)
}

/// Certificate and key are not needed to check clients only, nor is a CA where clients are pinned or not asked for a
/// certificate.
fn check_required(r: &mut Resolver<'_>, without_clients: bool) -> Found<()> {
    let (layers, for_clients) = (&r.sources.layers, r.sources.clients_with.is_some());
    let needed: [(&Key, bool); 3] = [
        (&keys::CERTIFICATE, !for_clients),
        (&keys::PRIVATE_KEY, !for_clients),
        (&keys::CLIENT_CA, !without_clients && !layers.sets(&keys::PINNED)),
    ];
    let mut found = Ok(());
    for (key, _) in needed.into_iter().filter(|(key, is_needed)| *is_needed && !layers.sets(key)) {
        found = Err(r.sources.torn.unwrap_or_else(|| required(r, key)));
    }
    found
}

fn required(r: &mut Resolver<'_>, key: &Key) -> Reported {
    let content = match key.toml {
        "clients.ca" => "the CA that issues your clients' certificates; no other is trusted",
        "tls.private_key" => "the private key of the server certificate",
        _ => "the server certificate",
    };
    let hint = format!(
        "set {} to a PEM file with {content} (scripts/gen-certs.sh makes a set to try clawgate)",
        key.ways()
    );
    r.report.problem(&Origin::Default(key.toml), "is required, but not set", hint)
}

/// The files of the TLS material, with what named them.
struct Files {
    certificate: List<PathBuf>,
    private_key: List<PathBuf>,
    client_ca: List<PathBuf>,
    ocsp: List<PathBuf>,
    crl: List<PathBuf>,
    denylist: List<PathBuf>,
}

impl Files {
    fn paths(&self) -> MaterialPaths {
        let all = |list: &List<PathBuf>| list.values.iter().map(|file| file.value.clone()).collect();
        MaterialPaths {
            certificates: all(&self.certificate),
            private_keys: all(&self.private_key),
            client_ca: all(&self.client_ca),
            ocsp: all(&self.ocsp),
            crl: all(&self.crl),
            denylist: self.denylist.values.first().map(|file| file.value.clone()),
            ..MaterialPaths::default()
        }
    }

    fn complete(&self) -> Found<()> {
        let Self { certificate, private_key, client_ca, ocsp, crl, denylist } = self;
        for list in [certificate, private_key, client_ca, ocsp, crl, denylist] {
            list.first()?;
        }
        Ok(())
    }

    fn origin_of(&self, problem: &MaterialProblem) -> Origin {
        let (list, key): (_, &Key) = match problem.place.input {
            Input::Certificate => (&self.certificate, &keys::CERTIFICATE),
            Input::PrivateKey => (&self.private_key, &keys::PRIVATE_KEY),
            Input::ClientCa => (&self.client_ca, &keys::CLIENT_CA),
            Input::Ocsp => (&self.ocsp, &keys::OCSP),
            Input::Crl => (&self.crl, &keys::CRL),
            Input::Denylist => (&self.denylist, &keys::DENYLIST),
        };
        // A CRL may be in a folder that was named.
        let named = list.values.iter().find(|file| problem.place.path.starts_with(&file.value));
        named.map_or(Origin::Default(key.toml), |file| file.origin.clone())
    }
}
