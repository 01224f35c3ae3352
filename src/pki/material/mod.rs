//! Reads clawgate's certificates with their keys, the client CAs and their CRLs from PEM files. Reports all mistakes at
//! once.

mod clients;
mod loader;
mod ocsp;
mod own;
mod staples;

use std::sync::Arc;
use std::time::SystemTime;

use self::loader::Loader;
use super::ca::Ca;
use super::trust_store::TrustStore;
use crate::identity::San;

pub(crate) use self::loader::{Input, MaterialPaths, MaterialProblem};
pub(crate) use self::own::{Algorithms, Own};

/// All of the TLS material, checked as a whole.
#[derive(Clone, Debug)]
pub struct Material {
    /// clawgate's own certificates. Clients that send no SNI, or an unknown name, get the first one.
    pub own: Vec<Own>,
    /// The CAs that may issue client certificates.
    pub trust: Arc<TrustStore>,
    /// Problems that are warnings: the material can be used nevertheless.
    pub warnings: Vec<MaterialProblem>,
}

impl Material {
    /// The names in clawgate's certificates, each once.
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
/// All problems; empty when only a setting is missing.
pub(crate) fn load(paths: &MaterialPaths, now: SystemTime) -> Result<Material, Vec<MaterialProblem>> {
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

/// Reads and checks at `now` the files that decide which clients are admitted. A server certificate is not needed;
/// `known`: the CAs in its chain.
///
/// # Errors
/// All problems; empty when only a setting is missing.
pub(crate) fn load_clients(
    paths: &MaterialPaths,
    known: Vec<Ca>,
    now: SystemTime,
) -> Result<Material, Vec<MaterialProblem>> {
    let mut loader = Loader::at(now);
    let trust = loader.trust(paths, known);
    match trust.filter(|_| loader.problems.is_empty()) {
        Some(trust) => {
            Ok(Material { own: Vec::new(), trust: Arc::new(trust), warnings: loader.warnings })
        }
        None => Err(loader.problems),
    }
}
