//! The command line.
//!
//! The flags come from the table of settings in [`config::keys`](crate::config::keys); what they
//! hold is checked by [`config::load`](crate::config::load), together with the file and the
//! environment.

use clap::{Parser, Subcommand};

use crate::config::SettingsArgs;

/// An mTLS gate for webhook endpoints.
///
/// Admits only senders whose certificate chains to your CA, says exactly why when it refuses one,
/// and passes the rest on to OpenClaw.
#[derive(Debug, Parser)]
#[command(name = "clawgate", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until told to stop
    #[command(after_help = SETTINGS)]
    Run(SettingsArgs),
    /// Load and check all settings and files, print what would run, and exit
    #[command(after_help = SETTINGS)]
    Check(SettingsArgs),
}

const EXAMPLES: &str = "\
Examples:
  Try it out, with the gate itself answering what an upstream would see:
    scripts/gen-certs.sh
    clawgate run --cert certs/server.pem --key certs/server.key \\
      --client-ca certs/ca.pem --upstream echo:
    curl --cacert certs/ca.pem --cert certs/client.pem --key certs/client.key \\
      -d '{}' https://localhost:8443/hooks/wake

  Check a file of settings before using it:
    clawgate check --config clawgate.toml

Exit codes: 0 good; 1 failed at run time; 2 usage; 78 something wrong with the settings.";

const SETTINGS: &str = "\
Flags win over environment variables, those over the TOML file, that over the defaults.
A repeatable flag is given several times; its variable holds a list with commas, but
CLAWGATE_ALLOW one with semicolons. The hook token itself goes into CLAWGATE_HOOK_TOKEN,
or better into a file. examples/full.toml explains every setting.

Examples:
  In front of OpenClaw on this machine, only for the sender `meeting-notes`:
    clawgate run --cert server.pem --key server.key --client-ca ca.pem \\
      --hook-token-file hook-token --allow cn=meeting-notes

  All from a file, but on another port:
    clawgate run --config clawgate.toml --listen 0.0.0.0:9999";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;
    use crate::config::keys::{CONFIG_FLAG, KEYS, Unset};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn alone_it_prints_its_help_and_asks_for_exit_code_2() {
        let error = Cli::try_parse_from(["clawgate"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn run_and_check_take_the_same_flags() {
        let command = Cli::command();
        let flags = |name: &str| -> Vec<String> {
            let command = command.find_subcommand(name).unwrap();
            command.get_arguments().map(|arg| arg.get_id().to_string()).collect()
        };
        assert_eq!(flags("run"), flags("check"));
        assert!(flags("run").len() > 20);
    }

    #[test]
    fn flags_and_table_are_the_same_set_and_each_help_names_variable_and_default() {
        let command = Cli::command();
        let run = command.find_subcommand("run").unwrap();
        let mut flags: BTreeSet<_> = run.get_arguments().filter_map(|arg| arg.get_long()).collect();
        assert!(flags.remove(CONFIG_FLAG));
        let of_table: BTreeSet<_> = KEYS.iter().filter_map(|key| key.flag).collect();
        assert_eq!(flags, of_table);

        let mut command = Cli::command();
        let help = command.find_subcommand_mut("run").unwrap().render_long_help().to_string();
        for key in KEYS.iter().filter(|key| key.flag.is_some()) {
            let default = match key.unset {
                Unset::Required => "[required]".to_owned(),
                Unset::Value(text) | Unset::Means(text) => format!("[default: {text}]"),
            };
            let sources = format!("[env: {}] {default}", key.env.unwrap());
            assert!(help.contains(key.help) && help.contains(&sources), "{sources}");
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 105, "too long for a terminal: {line}");
        }
    }
}
