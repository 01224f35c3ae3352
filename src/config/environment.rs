//! The settings in environment variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::key::Key;
use super::keys::{self, CONFIG_ENV, KEYS};
use super::layers::{Layer, List, piece, text};
use super::problem::{Origin, Report};
use crate::wording::{distance, nearest};

/// The variable that names the file to which TLS libraries write their secrets.
const KEY_LOG_ENV: &str = "SSLKEYLOGFILE";

/// The variable with the folder that systemd makes for `StateDirectory=`. Of several, colons stand between them
/// (systemd.exec(5)).
const STATE_ENV: &str = "STATE_DIRECTORY";

/// What all settings' variables begin with.
const PREFIX: &str = "CLAWGATE_";
/// A name with so many letters after that, or fewer, is only compared by its case: too many names are one letter away.
const SHORT: usize = 3;

/// The variables that begin with `CLAWGATE_` or resemble one of them, `SSLKEYLOGFILE` and `STATE_DIRECTORY`. The command collects them from
/// `std::env::vars_os()`.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The TOML file that was named.
    pub(super) fn config(&self) -> Option<&OsStr> {
        self.0.get(CONFIG_ENV).map(OsString::as_os_str)
    }

    /// The file for the secrets of TLS.
    pub(super) fn key_log_file(&self) -> Option<PathBuf> {
        self.0.get(KEY_LOG_ENV).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// The folder for data that systemd made; of several, the first.
    pub(super) fn state_directory(&self) -> Option<PathBuf> {
        let folders = self.0.get(STATE_ENV)?.to_str()?;
        folders.split(':').next().filter(|folder| folder.starts_with('/')).map(PathBuf::from)
    }

    /// The layer of the environment.
    pub(super) fn layer(&self, report: &mut Report) -> Layer {
        self.look_for_unknown(report);
        let mut layer = Layer::default();
        for key in KEYS {
            let Some(name) = key.env else { continue };
            let Some(value) = self.0.get(name) else { continue };
            let origin = Origin::Env(name.to_owned());
            let values = match (text(value, &origin, report), key.separator) {
                (Ok(whole), Some(separator)) => {
                    let pieces = whole.value.split(separator).map(str::trim);
                    pieces.map(|value| piece(value, origin.clone(), report)).collect()
                }
                (whole, _) => List::from_iter([whole]),
            };
            layer.set(key, values);
        }
        layer
    }

    /// A name that resembles that of a setting is a mistake: somebody may rely on the restriction it would be. Any other
    /// is only a warning, since other programs set variables, too.
    fn look_for_unknown(&self, report: &mut Report) {
        for name in self.0.keys() {
            if known().any(|env| env == name) || set_by_kubernetes(name) {
                continue;
            }
            let origin = Origin::Env(name.clone());
            if let Some(meant) = resembled(name) {
                let hint = format!("did you mean {meant}? Rename it, or unset it");
                report.problem(&origin, "is no setting, but resembles one", hint);
            } else if name.starts_with(PREFIX) {
                let hint = "unset it; `clawgate run --help` lists the known ones";
                report.warning(&origin, "is no setting and has no effect", hint);
            }
        }
    }
}

/// The variables that are read.
fn known() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|key| key.env).chain([CONFIG_ENV, KEY_LOG_ENV])
}

/// The variable that was probably meant by `name`: it is misspelt, in other case, or named like a flag or a TOML key.
fn resembled(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let Some(rest) = upper.strip_prefix(PREFIX) else {
        return known().find(|env| distance(name, env) == 1);
    };
    let is_named_so = |key: &&&Key| {
        let flag = key.flag.unwrap_or_default().replace('-', "_");
        [key.toml.replace('.', "_"), flag].iter().any(|other| other.eq_ignore_ascii_case(rest))
    };
    if let Some(key) = KEYS.iter().find(is_named_so) {
        return key.env;
    }
    let with = |env: &'static str| Some((env.strip_prefix(PREFIX)?, env));
    let candidates: Vec<_> = known().filter_map(with).collect();
    let near = nearest(rest, candidates.iter().map(|(rest, _)| *rest));
    // CLAWGATE_URL is not meant for CLAWGATE_CRL.
    if let Some(near) = near.filter(|near| rest.len() > SHORT || near.eq_ignore_ascii_case(rest)) {
        return candidates.iter().find(|(rest, _)| *rest == near).map(|(_, env)| *env);
    }
    // Names for rules, such as ALLOWLIST, CLIENTS_ALLOW or DENY_RULES.
    let of_rules = [(&keys::ALLOW, "ALLOW"), (&keys::DENY, "DENY")];
    let meant =
        of_rules.into_iter().find(|(_, word)| rest.split('_').any(|part| part.starts_with(word)));
    meant.and_then(|(key, _)| key.env)
}

/// Kubernetes sets such variables in each pod of a namespace with a service called `clawgate` or `clawgate-…`.
pub(super) fn set_by_kubernetes(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.contains("_PORT_")
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let ours = |(name, value): (N, V)| {
            let name: OsString = name.into();
            let is_ours = |name: &&str| {
                let begins =
                    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
                begins || [KEY_LOG_ENV, STATE_ENV].contains(name) || resembled(name).is_some()
            };
            let name = name.to_str().filter(is_ours)?;
            Some((name.to_owned(), value.into()))
        };
        Self(variables.into_iter().filter_map(ours).collect())
    }
}

impl fmt::Debug for Environment {
    /// Names only: a value may be the hook token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
