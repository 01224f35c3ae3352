//! The command line.
//!
//! The flags come from the table of settings in [`config::keys`](crate::config::keys); what they
//! hold is checked by [`config::load`](crate::config::load), together with the file and the
//! environment.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::SettingsArgs;
use crate::explain::Target;

/// An mTLS gate for webhook endpoints.
///
/// Admits only clients whose certificate chains to your CA, says exactly why when it refuses one,
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
    /// Load and check all settings and files, print what would run and what to know about it, and exit
    #[command(after_help = CHECK)]
    Check(CheckArgs),
    /// Say whether a client certificate would be admitted, and where; or what a server asks for
    #[command(after_help = EXPLAIN)]
    Explain(ExplainArgs),
    /// Examine files, the running clawgate and its upstreams; say what is wrong and what to do about it
    #[command(after_help = DOCTOR)]
    Doctor(DoctorArgs),
    /// Ask a running gate over its admin listener whether it is ready, for probes of containers
    Probe(ProbeArgs),
    /// Print what packages ship beside the binary
    #[command(hide = true)]
    Generate(GenerateArgs),
}

/// What `probe` is asked. No file is read: a probe must not fail for one that is just being written.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Whether it is alive, not whether it is ready
    #[arg(long)]
    pub alive: bool,
    /// Its admin listener
    /// [env: CLAWGATE_ADMIN] [default: 127.0.0.1:9443]
    #[arg(long, value_name = "IP:PORT|unix:/PATH", verbatim_doc_comment)]
    pub admin: Option<String>,
}

/// What is to be made.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// What is to be made.
    #[command(subcommand)]
    pub what: Generated,
}

/// What is to be made.
#[derive(Debug, Subcommand)]
pub enum Generated {
    /// Completions of commands and flags
    Completions {
        /// For this shell
        shell: Shell,
    },
    /// A manual page, as roff
    Man {
        /// Of this subcommand; without it, of all
        command: Option<String>,
    },
}

/// What `check` is asked.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A root that clients have, PEM, to verify the server's certificate with; beside clients.ca and the
    /// system's roots
    #[arg(long, value_name = "FILE")]
    pub server_ca: Vec<PathBuf>,
    /// The settings, as for `run`.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// What `doctor` is asked.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Call clawgate with this client's certificate too; PEM, its intermediates after it
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// A root that clients have, PEM, to verify the server's certificate with; beside clients.ca and the
    /// system's roots
    #[arg(long, value_name = "FILE")]
    pub server_ca: Vec<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// The settings, as for `run`.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// What `explain` is asked.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A client's certificate as a PEM file, its intermediates after it; or a TLS server, as
    /// `https://HOST[:PORT]/` or `HOST:PORT`
    #[arg(value_parser = OsStringValueParser::new().try_map(Target::parse))]
    pub target: Target,
    /// The client's private key: does it fit the certificate? (--key is clawgate's own)
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// For a server: the certificate to present, with --client-key
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Judge as of this time, e.g. 2027-01-01T00:00:00Z, instead of now
    #[arg(long, value_name = "RFC3339", value_parser = OsStringValueParser::new().try_map(time))]
    pub at: Option<SystemTime>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// The settings, as for `run`, as far as they decide about clients; a server needs none.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

impl ExplainArgs {
    /// What does not go together, which clap cannot see: it depends on what TARGET is.
    ///
    /// # Errors
    /// To be shown as every other mistake in the usage.
    pub fn check(&self) -> Result<(), clap::Error> {
        let what = match &self.target {
            Target::File(_) if self.client_cert.is_some() => {
                "--client-cert is for servers: of a file it is the file that is explained"
            }
            Target::Server(_) if self.client_key.is_some() && self.client_cert.is_none() => {
                "--client-key alone cannot be presented to a server: give --client-cert too"
            }
            _ => return Ok(()),
        };
        let mut cli = Cli::command();
        cli.build();
        // With the usage of this command, not that of all.
        let mut command = cli.find_subcommand("explain").cloned().unwrap_or(cli);
        Err(command.error(ErrorKind::ArgumentConflict, what))
    }
}

fn time(text: OsString) -> Result<SystemTime, String> {
    let time = text.to_str().and_then(|text| humantime::parse_rfc3339(text).ok());
    time.ok_or_else(|| "not a time in UTC such as 2027-01-01T00:00:00Z".to_owned())
}

const EXAMPLES: &str = "\
Examples:
  Try it out, with clawgate itself answering what an upstream would see:
    scripts/gen-certs.sh
    clawgate run --cert certs/server.pem --key certs/server.key \\
      --client-ca certs/ca.pem --upstream echo:
    curl --cacert certs/ca.pem --cert certs/client.pem --key certs/client.key \\
      -d '{}' https://localhost:8443/hooks/wake

  Check a file of settings before using it:
    clawgate check --config clawgate.toml

  Why is this client refused, and will it be next year?
    clawgate explain client.pem --config clawgate.toml --at 2027-01-01T00:00:00Z

Exit codes: 0 good; 1 failed at run time, or a check failed; 2 usage; 78 the settings cannot be used.";

const SETTINGS: &str = "\
Flags win over environment variables, those over the TOML file, that over the defaults.
A repeatable flag is given several times; its variable holds a list with commas, but
CLAWGATE_ALLOW and CLAWGATE_DENY one with semicolons. The hook token itself goes into
CLAWGATE_HOOK_TOKEN, or better into a file. examples/full.toml explains every setting.

Examples:
  In front of OpenClaw on this machine, only for the client `meeting-notes`:
    clawgate run --cert server.pem --key server.key --client-ca ca.pem \\
      --hook-token-file hook-token --allow cn=meeting-notes

  All from a file, but on another port:
    clawgate run --config clawgate.toml --listen 0.0.0.0:9999";

const CHECK: &str = "\
Takes the settings of `run` from the same places. Prints what would run, then the findings about the
settings, clawgate's certificates and the client CAs, CRLs and rules: notes, warnings, and checks that
fail, each with a hint; and, over admin.address, what would change in the process that is running, or
that none is. `clawgate doctor` makes the same checks, and calls clawgate and its upstreams.

Examples:
  May this file be used, and what would it change?
    clawgate check --config clawgate.toml

Exit codes: 0 all is well, or only warnings; 1 a check failed; 2 usage; 78 the settings cannot be used.";

const EXPLAIN: &str = "\
The settings are those of `run`, from the same places: the verdict is clawgate's own. Only those that
decide about clients are needed: clients.* (the CAs, CRLs, rules) and the paths and rules of routes. No
certificate or key of the server, no token and no upstream is. With --at the client is judged at that
time, the settings' own files still now.

A server is called with a TLS handshake and nothing after it: no request is sent. Its certificate
is reported on, whoever issued it. No settings are needed. One that refuses over HTTP, as a
gate with --refuse-with http does, is not found out by that.

Examples:
  Would this client be admitted, and to which routes?
    clawgate explain client.pem --client-key client.key --config clawgate.toml

  Is it a certificate of this CA?
    clawgate explain client.pem --client-ca ca.pem

  What does clawgate ask of its clients, and does it take this one?
    clawgate explain https://localhost:8443/ --client-cert client.pem --client-key client.key

Exit codes: 0 admitted (a server: handshake completed, no alert came); 1 refused, or a file or server
cannot be read; 2 usage; 78 something wrong with the settings.";

const DOCTOR: &str = "\
Reads the settings of `run` from the same places and changes nothing. clawgate is called as clients
call it: without a certificate, in plain HTTP, with TLS 1.0, and with --client-cert, if given; each of
these leaves a line in its log. The upstreams get a POST to a hook of a random name, with clawgate's
token and without, and one body as large as the route admits. The server's certificate is verified as
a client that has only its root, and as one that has only the roots of this system.

Examples:
  What is wrong with this gate?
    clawgate doctor --config clawgate.toml

  And would this client get through?
    clawgate doctor --config clawgate.toml --client-cert client.pem --client-key client.key

Exit codes: 0: no check failed (warnings do not count); 1: a check failed, or a file cannot be read; 2: usage.";

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
    fn alone_it_prints_its_help_and_asks_for_exit_code_2() {
        let error = Cli::try_parse_from(["clawgate"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn check_takes_the_flags_of_run_and_one_more() {
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
