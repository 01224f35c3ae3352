//! Reads files of the TLS material, and collects problems and warnings.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::identity::Digest;
use crate::identity::time::unix_seconds;
use crate::pki::pem::{Contents, Kind, Unused, Use};
use crate::pki::revocation;
use crate::problem::{FileProblem, Problem};

/// The setting that names a file of the TLS material.
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

/// The files of the material. An empty list means that the setting is missing. The caller reports that; the other files
/// are still checked.
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
    /// Their CRLs, or folders with CRLs.
    pub crl: Vec<PathBuf>,
    /// How CRLs that are missing or out of date are treated.
    pub revocation: revocation::Policy,
    /// Certificates and keys that are refused.
    pub denylist: Option<PathBuf>,
    /// Fingerprints of self-signed certificates that are admitted without a CA.
    pub pinned: Vec<Digest>,
    /// No listener asks for certificates, so there need be neither a CA nor a pinned certificate.
    pub without_clients: bool,
}

/// A file, and the setting that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// The setting.
    pub input: Input,
    /// The file.
    pub path: PathBuf,
}

/// A problem with one file.
pub(crate) type MaterialProblem = Problem<InputFile>;

/// Collects problems and warnings while files are read.
pub(super) struct Loader {
    /// Seconds since 1970.
    pub(super) now: i64,
    pub(super) problems: Vec<MaterialProblem>,
    pub(super) warnings: Vec<MaterialProblem>,
}

impl Loader {
    pub(super) fn at(now: SystemTime) -> Self {
        Self { now: unix_seconds(now), problems: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn problem(
        &mut self,
        input: Input,
        path: &Path,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.file_problem(input, Problem::new(what, hint).in_file(path));
    }

    pub(super) fn warning(
        &mut self,
        input: Input,
        path: &Path,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.file_warning(input, Problem::new(what, hint).in_file(path));
    }

    pub(super) fn file_problem(&mut self, input: Input, problem: FileProblem) {
        let path = problem.place.clone();
        self.problems.push(problem.at(InputFile { input, path }));
    }

    pub(super) fn file_warning(&mut self, input: Input, problem: FileProblem) {
        let path = problem.place.clone();
        self.warnings.push(problem.at(InputFile { input, path }));
    }

    /// All items of a file.
    pub(super) fn contents(&mut self, input: Input, path: &Path, purpose: Use) -> Option<Contents> {
        match Contents::open(path, purpose) {
            Ok(contents) => Some(contents),
            Err(problem) => {
                self.file_problem(input, problem);
                None
            }
        }
    }

    /// Warns about items of a file that are not used. `is_shared`: another setting names the file for them.
    pub(super) fn warn_of_unused(
        &mut self,
        input: Input,
        path: &Path,
        unused: &[Unused],
        is_shared: bool,
    ) {
        for unused in unused {
            let is_pair =
                matches!(unused.kind, Kind::Certificate | Kind::PrivateKey | Kind::EncryptedKey);
            if is_shared && is_pair {
                continue;
            }
            self.file_warning(input, unused.problem().in_file(path));
        }
    }
}
