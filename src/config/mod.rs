//! The settings: where they come from, what they may be, and everything that is wrong with them.
//!
//! Defaults lie below the TOML file, that below the environment, that below the flags. Each setting
//! is described once, in [`keys`]. All sources are first read into layers of plain text with their
//! origins, then the layers are resolved into [`Settings`], or into all [`Problems`] at once.
//!
//! Nothing here reads the process's environment or clock: both are passed in.

mod admin;
mod args;
mod environment;
mod file;
mod files;
pub mod key;
pub mod keys;
mod layers;
mod limits;
mod problem;
mod redact;
mod resolve;
mod secret;
mod settings;
mod suggest;
mod summary;
mod units;
mod values;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use admin::{AdminAddress, AdminSettings};
pub use args::SettingsArgs;
pub use environment::Environment;
pub use files::Files;
pub use limits::Limits;
pub use problem::{Origin, Problem, Problems};
pub use secret::{HookToken, TokenError};
pub use settings::{
    LogFormat, LogLevel, LogSettings, ProxySettings, RouteSettings, Settings, TraceSettings,
    UpstreamSettings,
};

use file::File;
use layers::{Layer, Layers, text};
use problem::Report;
use resolve::Sources;

/// Loads the settings from the flags, the environment and the TOML file that one of them names,
/// together with all files that they name in turn. `now` is what certificates are held against.
///
/// # Errors
/// All that is wrong, with the files that were looked at.
pub fn load(
    args: &SettingsArgs,
    environment: &Environment,
    now: SystemTime,
) -> Result<Settings, Problems> {
    let mut report = Report::default();
    let mut files = Files::default();
    files.look(args.config().or_else(|| environment.config()).map(PathBuf::from));
    let file = read_file(args, environment, &mut report);
    let flags = Layer::from_args(args, &mut report);
    let key_log_file = environment.key_log_file();
    let environment = environment.layer(&mut report);
    let layers = Layers([flags, environment, file.layer]);
    let sources = Sources { layers, routes: file.routes, key_log_file, torn: file.torn };
    files.look(sources.files());
    match resolve::resolve(&sources, now, report) {
        Ok(settings) => Ok(Settings { files, ..settings }),
        Err(problems) => Err(problems.in_files(files)),
    }
}

fn read_file(args: &SettingsArgs, environment: &Environment, report: &mut Report) -> File {
    let by_flag = args.config().map(|path| (path, Origin::Flag(format!("--{}", keys::CONFIG_FLAG))));
    let by_env = || environment.config().map(|path| (path, Origin::Env(keys::CONFIG_ENV.to_owned())));
    let Some((path, origin)) = by_flag.or_else(by_env) else {
        return File::default();
    };
    match text(path, &origin, report) {
        Some(path) => File::read(Path::new(path.value.as_str()), &origin, report),
        None => File { torn: true, ..File::default() },
    }
}
