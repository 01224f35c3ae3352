//! PEM files to clawgate's certificates, their keys, the client CAs and their CRLs; all mistakes at once.

mod ocsp;
mod own;
mod staples;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::denylist::Denylist;
use super::pem::{Contents, FileError, Kind, Unused, Use};
use super::revocation::{Crl, Remark};
use super::trust_store::{Ca, TrustStore};
use super::{ca_names, revocation};
use crate::identity::time::unix_seconds;
use crate::identity::{Digest, San};

pub use self::own::{Algorithms, Own};
pub use self::staples::Staple;

/// Which file of the TLS material.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `tls.certificate`
    Certificate,
    /// `tls.private_key`
    PrivateKey,
    /// `tls.ocsp`
    Ocsp,
    /// `clients.ca`
    ClientCa,
    /// `clients.crl`
    Crl,
    /// `clients.denylist`
    Denylist,
}

/// Where the material is. Empty: not set (the caller has said so already); the rest is still checked.
#[derive(Clone, Debug, Default)]
pub struct MaterialPaths {
    /// clawgate's chains, leaf first.
    pub certificates: Vec<PathBuf>,
    /// The leaves' keys, in any order.
    pub private_keys: Vec<PathBuf>,
    /// OCSP responses about the leaves.
    pub ocsp: Vec<PathBuf>,
    /// Bundles of the CAs that issue client certificates.
    pub client_ca: Vec<PathBuf>,
    /// Their CRLs, or folders of such.
    pub crl: Vec<PathBuf>,
    /// What to make of CRLs that are missing or too old.
    pub revocation: revocation::Policy,
    /// Who is refused whatever the CAs say.
    pub denylist: Option<PathBuf>,
    /// Fingerprints of self-signed certificates that are let in without a CA.
    pub pinned: Vec<Digest>,
}

/// Something wrong with one file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which setting named the file.
    pub input: Input,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

/// All of the TLS material, checked as a whole.
#[derive(Clone, Debug)]
pub struct Material {
    /// clawgate's own certificates; the first is the one for clients that ask for no name, or another.
    pub own: Vec<Own>,
    /// Who may issue client certificates.
    pub trust: Arc<TrustStore>,
    /// What is worth a warning, but no reason to refuse.
    pub warnings: Vec<Problem>,
}

impl Material {
    /// Names that clawgate's certificates are good for, each once.
    pub fn server_names(&self) -> Vec<San> {
        let mut names: Vec<San> = Vec::new();
        for name in self.own.iter().flat_map(|own| &own.names) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }
}

/// Reads and checks everything at `now`.
///
/// # Errors
/// All problems found; empty when the only fault is a path that was not set.
pub fn load(paths: &MaterialPaths, now: SystemTime) -> Result<Material, Vec<Problem>> {
    let mut loader = Loader::at(now);
    let mut own = loader.own(&paths.certificates, &paths.private_keys);
    loader.staples(&mut own, &paths.ocsp);
    let above = own.iter().flat_map(|own| own.certified.cert.iter().skip(1));
    let known = above.filter_map(Ca::read).collect();
    let trust = loader.trust(paths, known);
    match trust.filter(|_| loader.problems.is_empty() && !own.is_empty()) {
        Some(trust) => Ok(Material { own, trust: Arc::new(trust), warnings: loader.warnings }),
        None => Err(loader.problems),
    }
}

/// Reads and checks at `now` what decides about clients, without a certificate of a server; `known` are CAs that its
/// chain has.
///
/// # Errors
/// All problems found; empty when the only fault is a path that was not set.
pub fn load_clients(
    paths: &MaterialPaths,
    known: Vec<Ca>,
    now: SystemTime,
) -> Result<Material, Vec<Problem>> {
    let mut loader = Loader::at(now);
    let trust = loader.trust(paths, known);
    match trust.filter(|_| loader.problems.is_empty()) {
        Some(trust) => {
            Ok(Material { own: Vec::new(), trust: Arc::new(trust), warnings: loader.warnings })
        }
        None => Err(loader.problems),
    }
}

struct Loader {
    now: i64,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Loader {
    fn at(now: SystemTime) -> Self {
        Self { now: unix_seconds(now), problems: Vec::new(), warnings: Vec::new() }
    }

    /// Who may issue client certificates; `None` when nobody may.
    fn trust(&mut self, paths: &MaterialPaths, known: Vec<Ca>) -> Option<TrustStore> {
        let mut cas = Vec::new();
        for path in &paths.client_ca {
            cas.extend(self.cas(path));
        }
        let crls = self.crls(&paths.crl, &cas);
        let denylist = paths.denylist.as_deref().map(|path| self.denylist(path)).unwrap_or_default();
        let first = paths.client_ca.first().cloned().unwrap_or_default();
        // With pins none is named in any case.
        let names =
            if paths.pinned.is_empty() { ca_names::names(&cas, self.now) } else { Ok(Vec::new()) };
        if let Err(octets) = names {
            let what = format!(
                "the names of the CAs, {octets} bytes, do not fit into the request for a certificate: none is named there, \
                 and a client that has several certificates may choose one of another CA"
            );
            let hint = "name only the CAs that issue your clients' certificates";
            self.warning(Input::ClientCa, &first, what, hint);
        }
        let no_ca_left = cas.iter().all(|ca: &Ca| ca.not_after < self.now);
        if no_ca_left && !cas.is_empty() && paths.pinned.is_empty() {
            let hint = "renew the CA, or name its successor";
            self.problem(Input::ClientCa, &first, "every CA in it has expired", hint);
        }
        if cas.is_empty() && paths.pinned.is_empty() {
            return None;
        }
        let pinned = paths.pinned.iter().copied().collect();
        Some(TrustStore { cas, known, crls, revocation: paths.revocation, denylist, pinned })
    }

    fn problem(&mut self, input: Input, path: &Path, what: impl Into<String>, hint: impl Into<String>) {
        let (path, what, hint) = (path.to_owned(), what.into(), hint.into());
        self.problems.push(Problem { input, path, what, hint });
    }

    fn warning(&mut self, input: Input, path: &Path, what: impl Into<String>, hint: impl Into<String>) {
        let (path, what, hint) = (path.to_owned(), what.into(), hint.into());
        self.warnings.push(Problem { input, path, what, hint });
    }

    /// All items of a file.
    fn contents(&mut self, input: Input, path: &Path, purpose: Use) -> Option<Contents> {
        match Contents::open(path, purpose) {
            Ok(contents) => Some(contents),
            Err(FileError { path, what, hint }) => {
                self.problem(input, &path, what, hint);
                None
            }
        }
    }

    /// Warns of what a file has besides what is read from it. `is_shared`: the file is named for that, too.
    fn warn_of_unused(&mut self, input: Input, path: &Path, unused: &[Unused], is_shared: bool) {
        for unused in unused {
            let is_pair =
                matches!(unused.kind, Kind::Certificate | Kind::PrivateKey | Kind::EncryptedKey);
            if is_shared && is_pair {
                continue;
            }
            let (what, hint) = unused.words();
            self.warning(input, path, what, hint);
        }
    }

    fn cas(&mut self, path: &Path) -> Vec<Ca> {
        let Some(contents) = self.contents(Input::ClientCa, path, Use::Cas) else {
            return Vec::new();
        };
        let found = contents.description();
        let ders = contents.certificates();
        if ders.is_empty() {
            let hint = "give the certificate of the CA that issues the clients' certificates, in PEM; \
                        the system's roots are never used for clients";
            self.problem(Input::ClientCa, path, format!("has no certificate: {found}"), hint);
        }
        let mut cas = Vec::new();
        for (number, der) in (1..).zip(ders) {
            let Some(ca) = Ca::read(&der) else {
                let what = format!("its certificate {number} is not X.509");
                self.problem(Input::ClientCa, path, what, "write the file again; it may be cut off");
                continue;
            };
            if !ca.is_ca {
                let what = format!(
                    "its certificate {number} ({}) is no CA (basicConstraints lacks CA:TRUE)",
                    ca.subject
                );
                let hint = "give the CA that issued the clients' certificates, not one of theirs";
                self.problem(Input::ClientCa, path, what, hint);
                continue;
            }
            cas.push(ca);
        }
        cas
    }

    fn denylist(&mut self, path: &Path) -> Denylist {
        Denylist::read(path).unwrap_or_else(|errors| {
            for FileError { path, what, hint } in errors {
                self.problem(Input::Denylist, &path, what, hint);
            }
            Denylist::default()
        })
    }

    fn crls(&mut self, paths: &[PathBuf], cas: &[Ca]) -> Vec<Crl> {
        let mut crls = Vec::new();
        for path in paths {
            let found = revocation::read(path);
            crls.extend(found.crls);
            for FileError { path, what, hint } in found.errors {
                self.problem(Input::Crl, &path, what, hint);
            }
            for FileError { path, what, hint } in found.warnings {
                self.warning(Input::Crl, &path, what, hint);
            }
        }
        // Those of other CAs, which clients bring along, are looked at when one of them is used.
        for crl in &crls {
            if let Some(Remark { what, hint, .. }) = crl.not_signed(cas) {
                self.problem(Input::Crl, &crl.file, what, hint);
            }
        }
        crls
    }
}
