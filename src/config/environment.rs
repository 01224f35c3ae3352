//! The settings in environment variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::keys::{CONFIG_ENV, KEYS};
use super::layers::{Layer, piece, text};
use super::problem::{Origin, Report};
use super::suggest::nearest;

/// The variable by which TLS libraries are told where to write their secrets, if they are to.
const KEY_LOG_ENV: &str = "SSLKEYLOGFILE";

/// The variables that begin with `CLAWGATE_`, and `SSLKEYLOGFILE`. Collected from `std::env::vars_os()` by the command,
/// from anything else by tests.
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

    /// The layer of the environment.
    pub(super) fn layer(&self, report: &mut Report) -> Layer {
        self.warn_of_unknown(report);
        let mut layer = Layer::default();
        for key in KEYS {
            let Some(name) = key.env else { continue };
            let Some(value) = self.0.get(name) else { continue };
            let origin = Origin::Env(name.to_owned());
            let whole = text(value, &origin, report);
            let values = match (whole, key.separator) {
                (None, _) => Vec::new(),
                (Some(whole), None) => vec![whole],
                (Some(whole), Some(separator)) => {
                    let pieces = whole.value.split(separator).map(str::trim);
                    pieces.filter_map(|value| piece(value, origin.clone(), report)).collect()
                }
            };
            layer.set(key, values);
        }
        layer
    }

    /// A name that only looks like a setting is no error, since others set variables too; but it
    /// may be a restriction that somebody believes in.
    fn warn_of_unknown(&self, report: &mut Report) {
        let known = || KEYS.iter().filter_map(|key| key.env).chain([CONFIG_ENV, KEY_LOG_ENV]);
        for name in self.0.keys() {
            if known().any(|env| env == name) || set_by_kubernetes(name) {
                continue;
            }
            let mend = match nearest(name, known()) {
                Some(env) => format!("did you mean {env}? `clawgate run --help` lists all of them"),
                None => "unset it; `clawgate run --help` lists the known ones".to_owned(),
            };
            report.warning(&Origin::Env(name.clone()), "is no setting and has no effect", mend);
        }
    }
}

/// Kubernetes sets such variables in every pod beside a service called `clawgate` or `clawgate-…`.
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
            let name =
                name.to_str().filter(|name| name.starts_with("CLAWGATE_") || *name == KEY_LOG_ENV)?;
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
