//! Reads the files that decide which clients are admitted: CAs, CRLs, denylist.

use std::path::{Path, PathBuf};

use super::loader::{Input, Loader, MaterialPaths};
use crate::pki::ca::{Ca, names};
use crate::pki::denylist::Denylist;
use crate::pki::pem::Use;
use crate::pki::revocation::{self, Crl};
use crate::pki::trust_store::TrustStore;

impl Loader {
    /// The configured CAs with CRLs and denylist; `None` when the settings need one of them, and there is neither a CA nor
    /// a pinned certificate.
    pub(super) fn trust(&mut self, paths: &MaterialPaths, known: Vec<Ca>) -> Option<TrustStore> {
        let mut cas = Vec::new();
        for path in &paths.client_ca {
            cas.extend(self.cas(path));
        }
        let crls = self.crls(&paths.crl, &cas);
        let denylist = paths.denylist.as_deref().map(|path| self.denylist(path)).unwrap_or_default();
        let first = paths.client_ca.first().cloned().unwrap_or_default();
        // With pinned certificates, clawgate never names CAs.
        let names = if paths.pinned.is_empty() { names::names(&cas, self.now) } else { Ok(Vec::new()) };
        if let Err(octets) = names {
            let what = format!(
                "the names of the CAs, {octets} bytes, do not fit into the request for a certificate: none is named there, \
                 and a client that has several certificates may choose one of another CA"
            );
            let hint = "configure only the CAs that issue your clients' certificates";
            self.warning(Input::ClientCa, &first, what, hint);
        }
        let no_ca_left = cas.iter().all(|ca: &Ca| ca.not_after < self.now);
        if no_ca_left && !cas.is_empty() && paths.pinned.is_empty() {
            let hint = "renew the CA, or configure its successor";
            self.problem(Input::ClientCa, &first, "every CA in it has expired", hint);
        }
        if cas.is_empty() && paths.pinned.is_empty() && !paths.without_clients {
            return None;
        }
        let pinned = paths.pinned.iter().copied().collect();
        Some(TrustStore { cas, known, crls, revocation: paths.revocation, denylist, pinned })
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
                self.problem(Input::ClientCa, path, what, "write the file again; it may be incomplete");
                continue;
            };
            if !ca.is_ca {
                let what = format!(
                    "its certificate {number} ({}) is not a CA (basicConstraints lacks CA:TRUE)",
                    ca.subject
                );
                let hint = "give the certificate of the CA that issued the clients' certificates, not a client's certificate";
                self.problem(Input::ClientCa, path, what, hint);
                continue;
            }
            cas.push(ca);
        }
        cas
    }

    fn denylist(&mut self, path: &Path) -> Denylist {
        Denylist::read(path).unwrap_or_else(|errors| {
            for problem in errors {
                self.file_problem(Input::Denylist, problem);
            }
            Denylist::default()
        })
    }

    fn crls(&mut self, paths: &[PathBuf], cas: &[Ca]) -> Vec<Crl> {
        let mut crls = Vec::new();
        for path in paths {
            let found = revocation::read(path);
            crls.extend(found.crls);
            for problem in found.errors {
                self.file_problem(Input::Crl, problem);
            }
            for warning in found.warnings {
                self.file_warning(Input::Crl, warning);
            }
        }
        // CRLs of intermediates that clients send are checked when they are used.
        for crl in &crls {
            if let Some(problem) = crl.not_signed(cas) {
                self.file_problem(Input::Crl, problem.in_file(&crl.file));
            }
        }
        crls
    }
}
