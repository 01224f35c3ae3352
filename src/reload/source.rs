//! Where the settings come from.

use std::mem;
use std::sync::Arc;
use std::time::SystemTime;

use super::error::ReloadError;
use super::prepared::Prepared;
use super::signed_routes::SignedRoutes;
use super::targets::KeptTargets;
use crate::config::{Environment, Files, SettingsArgs, load};
use crate::pki::CertificateCaches;

/// The arguments, and access to the environment, to read the settings any number of times.
#[derive(Debug)]
pub struct Source {
    args: SettingsArgs,
    environment: fn() -> Environment,
    /// The same for all generations.
    caches: Arc<CertificateCaches>,
    signed: Arc<SignedRoutes>,
    targets: Arc<KeptTargets>,
}

/// The outcome of reading settings and files.
#[derive(Debug)]
pub struct Reading {
    /// All files that the settings name, as they were just before they were read.
    pub files: Files,
    /// The settings, or what is wrong with them.
    pub prepared: Result<Prepared, ReloadError>,
}

impl Source {
    /// Reads the settings from `args`, the file that they name, and the environment.
    pub fn new(args: SettingsArgs, environment: fn() -> Environment) -> Self {
        Self {
            args,
            environment,
            caches: Arc::default(),
            signed: Arc::default(),
            targets: Arc::default(),
        }
    }

    /// Reads all settings and files. Blocks: large CRLs take time.
    pub fn read(&self) -> Reading {
        match load(&self.args, &(self.environment)(), SystemTime::now()) {
            Ok(mut settings) => {
                let files = mem::take(&mut settings.files);
                let (caches, signed) = (Arc::clone(&self.caches), Arc::clone(&self.signed));
                let prepared = Prepared::new(settings, caches, signed, &self.targets);
                Reading { files, prepared: prepared.map_err(ReloadError::from) }
            }
            Err(mut problems) => {
                Reading { files: problems.take_files(), prepared: Err(problems.into()) }
            }
        }
    }
}
