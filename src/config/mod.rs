//! The settings: where they come from, what they may be, and everything that is wrong with them.
//!
//! Defaults lie below the TOML file, that below the environment, that below the flags. Each setting
//! is described once, in [`keys`]. All sources are first read into layers of plain text with their
//! origins, then the layers are resolved into [`Settings`], or into all [`Problems`] at once.
//!
//! Nothing here reads the process's environment or clock: both are passed in.

mod admin;
mod args;
mod delivery;
mod environment;
mod file;
mod files;
mod in_use;
mod inbox;
pub mod key;
pub mod keys;
mod known_keys;
mod layers;
mod log;
mod mapping_table;
mod problem;
mod redact;
mod relay;
mod resolve;
mod secret;
mod settings;
mod shape;
mod summary;
mod toml_value;
mod units;
mod value_type;
mod values;
mod verify;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use self::admin::AdminAddress;
pub use self::args::SettingsArgs;
pub use self::environment::Environment;
pub use self::files::Files;
pub use self::in_use::{Difference, InUse};
pub use self::log::{LogFormat, LogLevel, LogSettings};
pub use self::problem::{Origin, Problem, Problems};
pub use self::relay::url as target_url;
pub use self::secret::{BearerToken, Secret, TokenError};
pub use self::settings::{
    Reloadable, RouteSettings, Settings, Startup, TraceSettings, UpstreamSettings,
};
pub use self::shape::ShapingSettings;
pub use self::verify::{ChallengeSettings, KeyFile, VerifySettings};

use self::file::File;
use self::files::Shown;
use self::layers::{Layer, Layers, Text, text};
use self::problem::Report;
use self::resolve::Sources;
use self::value_type::Content;
use crate::inbox::InboxSettings;
use crate::pki::Ca;
use crate::pki::pem::client_chain;

/// Loads the settings from the flags, the environment and the TOML file that one of them names,
/// together with all files that they name in turn. Certificates have to be valid at `now`.
///
/// # Errors
/// All that is wrong, with the files that were read.
pub fn load(
    args: &SettingsArgs,
    environment: &Environment,
    now: SystemTime,
) -> Result<Settings, Problems> {
    load_for(Purpose::Serving, args, environment, now)
}

/// Loads the settings that decide which clients are admitted: `clients.*`, and the paths, methods and rules of routes,
/// with whether their requests must be signed. The files of the server certificate's key, of tokens and upstreams are not read. Intermediates in `tls.certificate`
/// help to explain a decision, so that file is read where possible.
///
/// # Errors
/// All that is wrong with those settings.
pub fn load_for_clients(
    args: &SettingsArgs,
    environment: &Environment,
    now: SystemTime,
) -> Result<Settings, Problems> {
    load_for(Purpose::Clients, args, environment, now)
}

/// Loads the settings of the inbox, whether or not a route uses it. Besides the TOML file only those with credentials for NATS are
/// read.
///
/// # Errors
/// All that is wrong with those settings; also that nothing says where events are stored.
pub fn load_for_inbox(
    args: &SettingsArgs,
    environment: &Environment,
) -> Result<InboxSettings, Problems> {
    let mut report = Report::default();
    let mut files = Files::default();
    let sources = read_sources(Purpose::Inbox, args, environment, &mut files, &mut report);
    resolve::inbox_alone(&sources, report)
}

/// What the settings are needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To serve: all of them.
    Serving,
    /// To check clients' certificates.
    Clients,
    /// To look at what is stored.
    Inbox,
}

impl Purpose {
    fn needs(self, key: &str) -> bool {
        let of_routes = [
            "route.path",
            "route.methods",
            "route.authenticate",
            "route.verify.scheme",
            "route.allow",
            "route.deny",
            "route.audit",
        ];
        match self {
            Self::Serving => true,
            Self::Clients => {
                key.starts_with("clients.") || key == "limits.uri" || of_routes.contains(&key)
            }
            Self::Inbox => key.starts_with("inbox."),
        }
    }
}

fn load_for(
    purpose: Purpose,
    args: &SettingsArgs,
    environment: &Environment,
    now: SystemTime,
) -> Result<Settings, Problems> {
    let mut report = Report::default();
    let mut files = Files::default();
    let sources = read_sources(purpose, args, environment, &mut files, &mut report);
    resolve::resolve(&sources, files, now, report)
}

/// Reads all sources, and records the files that they name.
fn read_sources(
    purpose: Purpose,
    args: &SettingsArgs,
    environment: &Environment,
    files: &mut Files,
    report: &mut Report,
) -> Sources {
    let config = args.config().or_else(|| environment.config()).map(PathBuf::from);
    files.record(config.clone());
    let file = read_file(args, environment, report);
    let flags = Layer::from_args(args, report);
    let key_log_file = environment.key_log_file();
    let state_directory = environment.state_directory();
    let environment = environment.layer(report);
    let in_file = std::iter::once(&file.layer).chain(file.routes.iter().map(|route| &route.layer));
    let has_token = in_file.into_iter().any(Layer::has_token);
    files.hide(config, if has_token { Shown::Time } else { Shown::Nothing });
    let mut layers = Layers([flags, environment, file.layer]);
    let mut routes = file.routes;
    let targets = if purpose == Purpose::Serving { file.targets } else { Vec::new() };
    let known = match purpose {
        Purpose::Serving | Purpose::Inbox => None,
        Purpose::Clients => Some(
            layers.get(&keys::CERTIFICATE).map(|list| cas_of_chains(&list.values)).unwrap_or_default(),
        ),
    };
    for layer in layers.0.iter_mut().chain(routes.iter_mut().map(|route| &mut route.layer)) {
        layer.keep(|key| purpose.needs(key));
    }
    let sources = Sources {
        layers,
        routes,
        targets,
        key_log_file,
        state_directory,
        torn: file.torn,
        clients_with: known,
    };
    files.record(sources.files());
    let tables = sources.routes.iter().map(|route| &route.layer);
    let tables = tables.chain(sources.targets.iter().map(|target| &target.layer));
    let layers = sources.layers.0.iter().chain(tables);
    for layer in layers {
        files.hide(layer.files_with(Content::Token), Shown::Time);
        files.hide(layer.files_with(Content::PrivateKey), Shown::Nothing);
    }
    sources
}

/// The CAs in files with a server's chain, as far as they can be read.
fn cas_of_chains(files: &[Text]) -> Vec<Ca> {
    let chains = files.iter().filter_map(|file| client_chain(Path::new(file.value.trim())).ok());
    chains.flat_map(|chain| chain.into_iter().skip(1)).filter_map(|der| Ca::read(&der)).collect()
}

fn read_file(args: &SettingsArgs, environment: &Environment, report: &mut Report) -> File {
    let by_flag = args.config().map(|path| (path, Origin::Flag(format!("--{}", keys::CONFIG_FLAG))));
    let by_env = || environment.config().map(|path| (path, Origin::Env(keys::CONFIG_ENV.to_owned())));
    let Some((path, origin)) = by_flag.or_else(by_env) else {
        return File::default();
    };
    match text(path, &origin, report) {
        Ok(path) => File::read(Path::new(path.value.as_str()), &origin, report),
        Err(reported) => File { torn: Some(reported), ..File::default() },
    }
}
