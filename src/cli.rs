//! The command line.
//!
//! The flags come from the table of settings in [`config::keys`](crate::config::keys). [`config::load`](crate::config::load)
//! checks their values, together with the file and the environment.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use thiserror::Error;

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
    /// Check files, the running clawgate and its upstreams; print each problem with a hint
    #[command(after_help = DOCTOR)]
    Doctor(DoctorArgs),
    /// Ask a running clawgate over its admin listener whether it is ready, for container probes
    Probe(ProbeArgs),
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
        /// The subcommand; without it, the page of all
        command: Option<String>,
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

/// A time that cannot be parsed.
#[derive(Debug, Error)]
#[error("not a time in UTC such as 2027-01-01T00:00:00Z")]
struct InvalidTime;

fn time(text: OsString) -> Result<SystemTime, InvalidTime> {
    text.to_str().and_then(|text| humantime::parse_rfc3339(text).ok()).ok_or(InvalidTime)
}

const EXAMPLES: &str = "\
Examples:
  Try it out: instead of an upstream, clawgate answers with the request that it would forward:
    scripts/gen-certs.sh
    clawgate run --cert certs/server.pem --key certs/server.key \\
      --client-ca certs/ca.pem --upstream echo:
    curl --cacert certs/ca.pem --cert certs/client.pem --key certs/client.key \\
      -d '{}' https://localhost:8443/hooks/wake

  Check a settings file before using it:
    clawgate check --config clawgate.toml

  Why is this client refused, and will it be next year?
    clawgate explain client.pem --config clawgate.toml --at 2027-01-01T00:00:00Z

Exit codes: 0 success; 1 failed at run time, or a check failed; 2 usage; 78 the settings are not valid.";

const SETTINGS: &str = "\
Precedence: flags, then environment variables, then the TOML file, then the defaults.
A flag for a list is given several times. Its variable separates the values with commas,
CLAWGATE_ALLOW and CLAWGATE_DENY with semicolons. Put the hook token into a file, or into
CLAWGATE_HOOK_TOKEN. examples/full.toml explains every setting.

Examples:
  In front of OpenClaw on this machine, for the client `meeting-notes` only:
    clawgate run --cert server.pem --key server.key --client-ca ca.pem \\
      --hook-token-file hook-token --allow cn=meeting-notes

  With a settings file, but on another port:
    clawgate run --config clawgate.toml --listen 0.0.0.0:9999";

const CHECK: &str = "\
Reads the settings as `run` does. Prints the effective settings, then the findings about the settings,
clawgate's certificates and the client CAs, CRLs and rules: notes, warnings, and failed checks, each
with a hint. Asks the running process over admin.address, and prints what a reload would change.
`clawgate doctor` makes the same checks, and also calls clawgate and its upstreams.

Examples:
  Is this file valid, and what would it change?
    clawgate check --config clawgate.toml

Exit codes: 0 no check failed (warnings do not count); 1 a check failed; 2 usage; 78 the settings are
not valid.";

const EXPLAIN: &str = "\
Reads the settings as `run` does, and verifies the certificate with the same code. Needs only the
settings that decide about clients: clients.* (CAs, CRLs, rules) and the paths and rules of routes. The
server's certificate and key, tokens and upstreams are not needed. With --at the client certificate is
verified as of that time; the files of the settings are still checked as of now.

A server is called with a TLS handshake only: no request is sent. The report shows its certificate,
whether or not its CA is trusted. No settings are needed. A server that refuses over HTTP, such as
clawgate with --refuse-with http, completes the handshake, so that the refusal is not seen.

Examples:
  Would this client be admitted, and to which routes?
    clawgate explain client.pem --client-key client.key --config clawgate.toml

  Is it a certificate of this CA?
    clawgate explain client.pem --client-ca ca.pem

  What does clawgate require from clients, and does it admit this one?
    clawgate explain https://localhost:8443/ --client-cert client.pem --client-key client.key

Exit codes: 0 admitted (a server: the handshake completed without an alert); 1 refused, or a file
cannot be read, or the server not reached; 2 usage; 78 the settings are not valid.";

const DOCTOR: &str = "\
Reads the settings as `run` does and changes nothing. Calls clawgate as clients do: without a
certificate, with plain HTTP, with TLS 1.0, and with --client-cert, if given. Each of these calls leaves
a line in its log. Sends each upstream a POST to a hook with a random name, with clawgate's token and
without, and one body as large as the route allows. Verifies the server's certificate as a client that
has only its root, and as a client that has only the roots of this system.

Examples:
  What is wrong with this clawgate?
    clawgate doctor --config clawgate.toml

  Would this client be admitted?
    clawgate doctor --config clawgate.toml --client-cert client.pem --client-key client.key

Exit codes: 0 no check failed (warnings do not count); 1 a check failed, or a file cannot be read;
2 usage.";

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
