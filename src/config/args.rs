//! The settings as flags, made from the table in `keys`.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::key::{Key, Unset};
use super::keys::{CONFIG_ENV, CONFIG_FLAG, KEYS};

/// The flags as they were given: neither checked nor combined with other sources.
#[derive(Clone, Debug, Default)]
pub struct SettingsArgs {
    config: Option<OsString>,
    given: Vec<(&'static Key, Vec<OsString>)>,
}

impl SettingsArgs {
    /// No flag but `--config`, if it was given.
    pub fn with_config(config: Option<OsString>) -> Self {
        Self { config, given: Vec::new() }
    }

    /// The TOML file that was named.
    pub(super) fn config(&self) -> Option<&OsStr> {
        self.config.as_deref()
    }

    /// The settings that were given, with their values.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static Key, &[OsString])> {
        self.given.iter().map(|(key, values)| (*key, values.as_slice()))
    }
}

impl Args for SettingsArgs {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG_FLAG)
            .long(CONFIG_FLAG)
            .value_name("FILE")
            .value_parser(value_parser!(OsString))
            .help(format!("The settings as a TOML file\n[env: {CONFIG_ENV}] [default: none]"));
        let flags = KEYS.iter().copied().filter_map(|key| Some(flag(key, key.flag?)));
        command.next_line_help(true).arg(config).args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingsArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let with_flag = KEYS.iter().copied().filter(|key| key.flag.is_some());
        let given = with_flag.filter_map(|key| {
            let values = matches.get_many::<OsString>(key.toml)?;
            Some((key, values.cloned().collect()))
        });
        Ok(Self { config: matches.get_one(CONFIG_FLAG).cloned(), given: given.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Values are taken as they are: the loader checks them together with those of the file and the
/// environment, and reports what is wrong with all of them at once.
fn flag(key: &Key, name: &'static str) -> Arg {
    let action = if key.separator.is_some() { ArgAction::Append } else { ArgAction::Set };
    let arg = Arg::new(key.toml)
        .long(name)
        .value_name(key.placeholder)
        .value_parser(value_parser!(OsString))
        .action(action)
        .help(help(key))
        .help_heading(heading(key));
    match key.short {
        Some(letter) => {
            arg.short(letter).num_args(0..=1).require_equals(true).default_missing_value("true")
        }
        None => arg,
    }
}

fn help(key: &Key) -> String {
    let repeat = if key.separator.is_some() { "; repeatable" } else { "" };
    let env = key.env.unwrap_or("none");
    let default = match key.unset {
        Unset::Required => "[required]".to_owned(),
        Unset::Value(text) | Unset::Means(text) => format!("[default: {text}]"),
    };
    format!("{}{repeat}\n[env: {env}] {default}", key.help)
}

fn heading(key: &Key) -> &'static str {
    match key.toml.split('.').next() {
        Some("listen" | "tls") => "Listening",
        Some("clients") => "Clients",
        Some("upstream") => "Upstream",
        Some("route" | "limits") => "Routes and limits",
        Some("relay") => "Relay",
        _ => "Running",
    }
}
