//! Sources to load from: files in an own folder, variables and flags.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use clap::{Args, Command, FromArgMatches};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::config::args::SettingsArgs;
use crate::config::environment::Environment;
use crate::config::problem::{Problem, Problems};
use crate::config::settings::Settings;
use crate::config::{load, load_for_inbox};
use crate::inbox::InboxSettings;

/// What one test loads from.
pub(super) struct Sources {
    dir: TempDir,
    flags: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Sources {
    /// Nothing at all, not even what is required.
    pub(super) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, flags: Vec::new(), env: Vec::new() }
    }

    /// What is required, from the environment.
    pub(super) fn minimal() -> Self {
        let sources = Self::empty().with_material_files();
        let file = |name: &str| sources.path(name).into_os_string();
        let (certificate, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
        sources.env("CLAWGATE_CERT", certificate).env("CLAWGATE_KEY", key).env("CLAWGATE_CLIENT_CA", ca)
    }

    /// The files, without a setting that names them.
    pub(super) fn with_material_files(self) -> Self {
        let [ca, certificate, key] = pems();
        self.file("ca.pem", ca).file("server.pem", certificate).file("server.key", key)
    }

    /// A file in the test's folder.
    pub(super) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), content).unwrap();
        self
    }

    /// `gate.toml`, named by `--config`.
    pub(super) fn toml(self, content: &str) -> Self {
        let path = self.path("gate.toml");
        self.file("gate.toml", content).flag("--config", path)
    }

    pub(super) fn flag(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.flags.extend([name.into(), value.into()]);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn load(&self) -> Result<Settings, Problems> {
        let (args, environment) = self.outside();
        load(&args, &environment, SystemTime::now())
    }

    /// The settings of the inbox alone.
    pub(super) fn inbox(&self) -> Result<InboxSettings, Problems> {
        let (args, environment) = self.outside();
        load_for_inbox(&args, &environment)
    }

    fn outside(&self) -> (SettingsArgs, Environment) {
        let command = SettingsArgs::augment_args(Command::new("test")).no_binary_name(true);
        let matches = command.try_get_matches_from(&self.flags).unwrap();
        let args = SettingsArgs::from_arg_matches(&matches).unwrap();
        (args, self.env.iter().cloned().collect())
    }

    pub(super) fn settings(&self) -> Settings {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// The problems as people see them, with the test's folder as `DIR`.
    pub(super) fn problems(&self) -> String {
        let problems = self.load().unwrap_err().to_string();
        problems.replace(self.dir.path().to_str().unwrap(), "DIR")
    }

    /// The one problem there is, as `where | what | hint`.
    pub(super) fn problem(&self) -> String {
        let problems = self.load().unwrap_err();
        let all: Vec<_> = problems.iter().collect();
        let [problem] = all[..] else { panic!("not one problem: {problems}") };
        self.one_line(problem)
    }

    /// The warnings, each as `where | what | hint`.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.settings().warnings.iter().map(|warning| self.one_line(warning)).collect()
    }

    fn one_line(&self, Problem { place, what, hint }: &Problem) -> String {
        let line = format!("{place} | {what} | {hint}");
        line.replace(self.dir.path().to_str().unwrap(), "DIR")
    }
}

/// A line of problems or warnings with all of these in it.
pub(super) fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

/// Each of `values` as people write it.
pub(super) fn texts<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// The repository's folder of examples.
pub(super) fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// CA, server certificate and its key.
fn pems() -> &'static [String; 3] {
    static PEMS: OnceLock<[String; 3]> = OnceLock::new();
    PEMS.get_or_init(|| {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "settings test CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let server = server.signed_by(&key, &issuer).unwrap();
        [ca_pem, server.pem(), key.serialize_pem()]
    })
}
