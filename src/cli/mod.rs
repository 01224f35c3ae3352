//! The command line.
//!
//! The flags come from the table of settings in [`config::keys`](crate::config::keys). [`config::load`](crate::config::load)
//! checks their values, together with the file and the environment.

mod inbox;
mod relay;
mod signed;
mod texts;
mod values;

use std::path::PathBuf;
use std::time::SystemTime;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

pub use self::inbox::{
    ChangeArgs, ExportArgs, FilterArgs, InboxArgs, InboxCommand, InboxFileArgs, ListArgs, RecoverArgs,
    ShowArgs, StatsArgs,
};
pub use self::relay::{RelayArgs, RelayCommand, TryArgs};
pub use self::signed::{SignArgs, VerifyArgs};
use self::texts::{CHECK, DOCTOR, EXAMPLES, EXPLAIN, INBOX, RELAY, SETTINGS, SIGN, VERIFY};
pub use self::values::Moment;
use self::values::time;
use crate::config::SettingsArgs;
use crate::explain::Target;

/// An mTLS proxy for webhook endpoints.
///
/// Admits only clients whose certificate chains to your CA, explains each refusal, and forwards the
/// requests of admitted clients to OpenClaw.
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
    /// Serve until a signal to stop
    #[command(after_help = SETTINGS)]
    Run(SettingsArgs),
    /// Load and check all settings and files, print the effective settings and the findings, and exit
    #[command(after_help = CHECK)]
    Check(CheckArgs),
    /// Explain whether and for which routes a client certificate would be admitted, or what a server requires
    #[command(after_help = EXPLAIN)]
    Explain(ExplainArgs),
    /// Print a curl command that sends a signed request to a route, as its webhook sender would
    #[command(after_help = SIGN)]
    Sign(SignArgs),
    /// Check the signature of a captured request, and explain why it is refused
    #[command(after_help = VERIFY)]
    Verify(VerifyArgs),
    /// Check files, the running clawgate and its upstreams; print each problem with a hint
    #[command(after_help = DOCTOR)]
    Doctor(DoctorArgs),
    /// List, show, replay and remove the events in the inbox; works whether or not clawgate runs
    #[command(after_help = INBOX)]
    Inbox(InboxArgs),
    /// Show the request that a target of the relay would get for an event, or send it once
    #[command(after_help = RELAY)]
    Relay(RelayArgs),
    /// Ask a running clawgate over its admin listener whether it is ready, for container probes
    Probe(ProbeArgs),
    /// Show what the admin console shows, in the terminal, and refresh it
    Top(TopArgs),
    /// Print shell completions or manual pages, for packages
    #[command(hide = true)]
    Generate(GenerateArgs),
}

/// Arguments of `probe`. It reads no file, so that a probe does not fail while one is being written.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Ask whether it is alive, not whether it is ready
    #[arg(long)]
    pub alive: bool,
    /// The admin listener
    /// [env: CLAWGATE_ADMIN] [default: 127.0.0.1:9443]
    #[arg(long, value_name = "IP:PORT|unix:/PATH", verbatim_doc_comment)]
    pub admin: Option<String>,
}

/// Arguments of `top`. Like `probe`, it reads no settings.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// The admin listener
    /// [env: CLAWGATE_ADMIN] [default: 127.0.0.1:9443]
    #[arg(long, value_name = "IP:PORT|unix:/PATH", verbatim_doc_comment)]
    pub admin: Option<String>,
    /// The file with the token that it requires, if any
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Print it once, as when the output is no terminal
    #[arg(long)]
    pub once: bool,
}

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// What to print.
    #[command(subcommand)]
    pub what: Generated,
}

/// What to print.
#[derive(Debug, Subcommand)]
pub enum Generated {
    /// Completions of commands and flags
    Completions {
        /// The shell
        shell: Shell,
    },
    /// A manual page, as roff
    Man {
        /// The subcommand, such as `run` or `inbox list`; without it, the page of all
        command: Vec<String>,
    },
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A root that clients trust, as PEM, to verify the server's certificate with, in addition to
    /// clients.ca and the system's roots
    #[arg(long, value_name = "FILE")]
    pub server_ca: Vec<PathBuf>,
    /// The settings, as for `run`.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Also call clawgate with this client certificate; PEM, followed by its intermediates
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// A root that clients trust, as PEM, to verify the server's certificate with, in addition to
    /// clients.ca and the system's roots
    #[arg(long, value_name = "FILE")]
    pub server_ca: Vec<PathBuf>,
    /// Also send a request with a valid signature to each route that verifies signatures; it is delivered
    #[arg(long)]
    pub send_signed: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// The settings, as for `run`.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A client certificate as a PEM file, followed by its intermediates; or a TLS server, as
    /// `https://HOST[:PORT]/` or `HOST:PORT`
    #[arg(value_parser = OsStringValueParser::new().try_map(Target::parse))]
    pub target: Target,
    /// The client's private key, to check that it fits the certificate (--key is clawgate's own)
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// For a server: the certificate to present, with --client-key
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Check as of this time, e.g. 2027-01-01T00:00:00Z, instead of now
    #[arg(long, value_name = "RFC3339", value_parser = OsStringValueParser::new().try_map(time))]
    pub at: Option<SystemTime>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// The settings, as for `run`, as far as they decide about clients. Not needed for a server.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

impl ExplainArgs {
    /// Checks flags that depend on TARGET, which clap cannot do.
    ///
    /// # Errors
    /// Printed like clap's own usage errors.
    pub fn check(&self) -> Result<(), clap::Error> {
        let what = match &self.target {
            Target::File(_) if self.client_cert.is_some() => {
                "--client-cert is for servers: with a file as TARGET, that file is explained"
            }
            Target::Server(_) if self.client_key.is_some() && self.client_cert.is_none() => {
                "--client-key alone cannot be presented to a server: give --client-cert too"
            }
            _ => return Ok(()),
        };
        let mut cli = Cli::command();
        cli.build();
        // With the usage of this command, not of `clawgate`.
        let mut command = cli.find_subcommand("explain").cloned().unwrap_or(cli);
        Err(command.error(ErrorKind::ArgumentConflict, what))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::key::Unset;
    use crate::config::keys::{CONFIG_FLAG, KEYS};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_arguments_it_prints_its_help_with_exit_code_2() {
        let error = Cli::try_parse_from(["clawgate"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn check_has_the_flags_of_run_and_one_more() {
        let command = Cli::command();
        let flags = |name: &str| -> Vec<String> {
            let command = command.find_subcommand(name).unwrap();
            command.get_arguments().map(|arg| arg.get_id().to_string()).collect()
        };
        assert_eq!(flags("check"), [vec!["server_ca".to_owned()], flags("run")].concat());
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
