//! The `clawgate` command: reads the settings, runs or checks them, chooses the exit code.

use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Parser;
use clawgate::app::{App, Ending};
use clawgate::cli::{
    CheckArgs, Cli, Command, DoctorArgs, ExplainArgs, InboxArgs, ProbeArgs, RelayArgs, SignArgs,
    TopArgs, VerifyArgs,
};
use clawgate::config::{
    AdminAddress, BearerToken, Environment, LogFormat, LogSettings, SettingsArgs, load, load_for_clients,
};
use clawgate::doctor::{Caller, Helpers};
use clawgate::explain::{
    CapturedRequest, ClientFile, Credentials, MAX_CAPTURED, Server, Target, Verdict,
};
use clawgate::finding::{Check, Finding, Findings, Severity, write_grouped};
use clawgate::generate::generate;
use clawgate::inbox_commands::{self, CommandError};
use clawgate::pki::pem::{cas_in, client_chain, key_in};
use clawgate::platform::{Control, memory};
use clawgate::problem::FileProblem;
use clawgate::relay_commands;
use clawgate::reload::{Reading, ReloadError, Source};
use clawgate::signature::PrivateKey;
use clawgate::signing::{ClientFiles, TestOptions, curl_command};
use clawgate::telemetry::logging::{Format, Log, subscriber};
use clawgate::telemetry::terminal::Layout;
use clawgate::top::Top;
use clawgate::{checks, doctor, explain, wording};
use rustls_pki_types::CertificateDer;
use serde::Serialize;

/// A failure at run time, or a failed check.
const FAILURE: u8 = 1;
/// The flags are wrong; clap uses the same code.
const USAGE: u8 = 2;
/// Something is wrong with the settings (EX_CONFIG of sysexits.h).
const CONFIG: u8 = 78;

fn main() -> ExitCode {
    memory::keep_private();
    match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::Check(args) => check(&args).unwrap_or_else(|code| code),
        Command::Explain(args) => explain(&args),
        Command::Sign(args) => sign(&args).unwrap_or_else(|code| code),
        Command::Verify(args) => verify(&args).unwrap_or_else(|code| code),
        Command::Doctor(args) => doctor(&args).unwrap_or_else(|code| code),
        Command::Inbox(args) => inbox(&args),
        Command::Relay(args) => relay(&args),
        Command::Probe(args) => probe(&args).unwrap_or_else(|code| code),
        Command::Top(args) => top(&args).unwrap_or_else(|code| code),
        Command::Generate(args) => match generate(&args.what, &mut std::io::stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(FAILURE)(error),
        },
    }
}

fn run(args: SettingsArgs) -> ExitCode {
    // Before anything is read, since reading may take a while.
    let control = match Control::new() {
        Ok(control) => control,
        Err(error) => return failed(FAILURE)(format!("cannot start: {}", wording::io(&error))),
    };
    let source = Arc::new(Source::new(args, environment));
    let Reading { files, prepared } = source.read();
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return misconfigured(&error),
    };
    let log = start_logging(&prepared.settings().startup.log);
    match (App { prepared, files, source }).run(control, &log) {
        Ok(Ending::Drained) => ExitCode::SUCCESS,
        Ok(Ending::AtOnce) => ExitCode::from(FAILURE),
        Err(error) => {
            eprintln!("clawgate: {error}");
            ExitCode::from(FAILURE)
        }
    }
}

fn check(args: &CheckArgs) -> Result<ExitCode, ExitCode> {
    let prepared = Source::new(args.settings.clone(), environment).read().prepared;
    let prepared = prepared.map_err(|error| misconfigured(&error))?;
    let settings = prepared.settings();
    let server_cas = server_cas(&args.server_ca)?;
    let mut found = checks::with_system_roots(settings, &server_cas, SystemTime::now());
    found.extend(doctor::stored_without_route(settings).map_err(failed(FAILURE))?);
    found.extend(doctor::running(settings).map_err(failed(FAILURE))?);
    write_out(&format!("{}{}", settings.summary(), Checked(&found)));
    Ok(exit_code(found.worst() < Severity::Fail))
}

/// The roots in the files of `--server-ca`.
fn server_cas(files: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, ExitCode> {
    let read = |file: &PathBuf| cas_in(file, "give the root that clients have, in PEM");
    let found: Result<Vec<_>, _> = files.iter().map(read).collect();
    Ok(found.map_err(failed(FAILURE))?.concat())
}

/// What `check` prints below the effective settings: notes and problems, and the comparison with the running process.
struct Checked<'a>(&'a Findings);

impl Display for Checked<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(found) = self;
        let is_known =
            |finding: &&Finding| finding.severity >= Severity::Note || finding.name == Check::InUse;
        let mut known = found.findings.iter().filter(is_known).peekable();
        if known.peek().is_some() {
            writeln!(f)?;
            write_grouped(f, known)?;
            writeln!(f)?;
        }
        match found.worst() {
            Severity::Fail => writeln!(f, "clawgate: the settings can be used, but {}", found.sum()),
            Severity::Warning => writeln!(f, "clawgate: the settings can be used, with {}", found.sum()),
            _ => writeln!(f, "clawgate: all is well with the settings"),
        }
    }
}

/// Not `print!`, which panics when the reader has gone (`clawgate check | head`).
fn write_out(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn explain(args: &ExplainArgs) -> ExitCode {
    if let Err(misuse) = args.check() {
        // Nothing can be done when stderr is gone.
        let _ = misuse.print();
        return ExitCode::from(USAGE);
    }
    let explained = match &args.target {
        Target::File(file) => explain_client(args, file),
        Target::Server(server) => explain_server(args, server),
    };
    explained.unwrap_or_else(|code| code)
}

fn explain_client(args: &ExplainArgs, file: &Path) -> Result<ExitCode, ExitCode> {
    let now = SystemTime::now();
    let environment = environment();
    let settings = load_for_clients(&args.settings, &environment, now).map_err(|problems| {
        eprintln!("{problems}");
        ExitCode::from(CONFIG)
    })?;
    let chain = client_chain(file).map_err(failed(FAILURE))?;
    let named = |key: &PathBuf| Ok((key.display().to_string(), key_in(key)?));
    let key = args.client_key.as_ref().map(named).transpose().map_err(failed::<FileProblem>(FAILURE))?;
    let client = ClientFile { file: file.display().to_string(), chain, key };
    let explanation = explain::certificate(&settings.reloadable, &client, args.at.unwrap_or(now));
    show(&explanation, args.json)?;
    Ok(exit_code(explanation.verdict == Verdict::Admitted))
}

fn explain_server(args: &ExplainArgs, server: &Server) -> Result<ExitCode, ExitCode> {
    let credentials = match (&args.client_cert, &args.client_key) {
        (Some(chain), Some(key)) => {
            let chain = client_chain(chain).map_err(failed(FAILURE))?;
            let key = key_in(key).map_err(failed(FAILURE))?;
            Some(Credentials::new(chain, &key).map_err(failed(FAILURE))?)
        }
        _ => None,
    };
    let seen = explain::observe(server.clone(), credentials, &[]);
    let explanation = explain::server(&seen, args.at.unwrap_or_else(SystemTime::now));
    show(&explanation, args.json)?;
    Ok(exit_code(explanation.is_accepted()))
}

fn sign(args: &SignArgs) -> Result<ExitCode, ExitCode> {
    let now = SystemTime::now();
    let settings = load(&args.settings, &environment(), now).map_err(|problems| {
        eprintln!("{problems}");
        ExitCode::from(CONFIG)
    })?;
    let body = |file: &PathBuf| Ok::<_, ExitCode>((file.clone(), read(file)?));
    let client = args.client_cert.clone().zip(args.client_key.clone());
    let options = TestOptions {
        body: args.body.as_ref().map(body).transpose()?,
        content_type: args.content_type.clone(),
        private_key: args.private_key.as_deref().map(private_key).transpose()?,
        client: client.map(|(certificate, key)| ClientFiles { certificate, key }),
        server_ca: args.server_ca.clone(),
        is_local: args.local,
    };
    let command = curl_command(&settings, &args.route, options, now).map_err(failed(FAILURE))?;
    write_out(&command.to_string());
    command.notes.iter().for_each(|note| eprintln!("clawgate: {note}"));
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<Vec<u8>, ExitCode> {
    let shown = file.display();
    std::fs::read(file)
        .map_err(|error| failed(FAILURE)(format!("{shown} cannot be read: {}", wording::io(&error))))
}

fn verify(args: &VerifyArgs) -> Result<ExitCode, ExitCode> {
    let now = SystemTime::now();
    let settings = load(&args.settings, &environment(), now).map_err(|problems| {
        eprintln!("{problems}");
        ExitCode::from(CONFIG)
    })?;
    let file = args.request.display().to_string();
    let bytes = captured(&args.request)?;
    let captured = CapturedRequest::parse(&bytes);
    let captured = captured.map_err(|error| failed(FAILURE)(format!("{file} {error}")))?;
    let at = args.at.unwrap_or(now);
    let explained = explain::request(&settings.reloadable, &args.route, &file, &captured, at);
    let explained = explained.map_err(failed(FAILURE))?;
    show(&explained, args.json)?;
    Ok(exit_code(explained.verdict == Verdict::Admitted))
}

/// The bytes of a captured request, at most one more than are accepted.
fn captured(file: &Path) -> Result<Vec<u8>, ExitCode> {
    let limit = MAX_CAPTURED as u64 + 1;
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    let unreadable =
        |error| failed(FAILURE)(format!("{} cannot be read: {}", file.display(), wording::io(&error)));
    read.map_err(unreadable)?;
    Ok(bytes)
}

/// A webhook sender's private key.
fn private_key(file: &Path) -> Result<PrivateKey, ExitCode> {
    let key = key_in(file).map_err(failed(FAILURE))?;
    let other = || format!("{} is no key for Ed25519, P-256 or RSA", file.display());
    PrivateKey::from_der(key.secret_der()).ok_or_else(|| failed(FAILURE)(other()))
}

fn doctor(args: &DoctorArgs) -> Result<ExitCode, ExitCode> {
    let now = SystemTime::now();
    let environment = environment();
    let caller = match (&args.client_cert, &args.client_key) {
        (Some(file), Some(key)) => Some(caller(file, key)?),
        _ => None,
    };
    let server_cas = server_cas(&args.server_ca)?;
    let helpers = Helpers { caller, server_cas, sends_signed: args.send_signed };
    let found = match load(&args.settings, &environment, now) {
        Ok(settings) => doctor::examine(&settings, &helpers, now).map_err(failed(FAILURE))?,
        Err(problems) => doctor::unusable(&problems),
    };
    show(&found, args.json)?;
    Ok(exit_code(found.worst() < Severity::Fail))
}

fn probe(args: &ProbeArgs) -> Result<ExitCode, ExitCode> {
    let address = admin_address(args.admin.as_ref())?;
    let report = doctor::probe(&address, args.alive).map_err(failed(FAILURE))?;
    show(&report, false)?;
    Ok(exit_code(report.worst() < Severity::Fail))
}

fn admin_address(flag: Option<&String>) -> Result<AdminAddress, ExitCode> {
    let by_env = || {
        let value = std::env::vars_os().find(|(name, _)| name == "CLAWGATE_ADMIN")?.1;
        Some(value.to_string_lossy().into_owned())
    };
    let text = flag.cloned().or_else(by_env).unwrap_or_else(|| "127.0.0.1:9443".to_owned());
    let wrong =
        |()| "the admin listener (--admin, CLAWGATE_ADMIN) should be IP:PORT or unix:/PATH".to_owned();
    text.parse().map_err(wrong).map_err(failed(USAGE))
}

/// Shows the console until Ctrl-C.
fn top(args: &TopArgs) -> Result<ExitCode, ExitCode> {
    let address = admin_address(args.admin.as_ref())?;
    let token = |file: &PathBuf| BearerToken::new(read(file)?.trim_ascii()).map_err(failed(USAGE));
    let token = args.admin_token_file.as_ref().map(token).transpose()?;
    let is_terminal = std::io::stdout().is_terminal();
    let top = Top { address, token, colour: is_terminal && wants_colour() };
    if args.once || !is_terminal {
        write_out(&top.once().map_err(failed(FAILURE))?);
        return Ok(ExitCode::SUCCESS);
    }
    top.watch().map_err(|error| failed(FAILURE)(wording::io(&error)))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a terminal may get colours (no-color.org).
fn wants_colour() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value: OsString| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn inbox(args: &InboxArgs) -> ExitCode {
    match inbox_commands::run(args, &environment(), SystemTime::now()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError::Settings(problems)) => {
            eprintln!("{problems}");
            ExitCode::from(CONFIG)
        }
        Err(CommandError::Usage(misuse)) => failed(USAGE)(misuse),
        Err(CommandError::Failed(failure)) => failed(FAILURE)(failure),
    }
}

fn relay(args: &RelayArgs) -> ExitCode {
    match relay_commands::run(args, &environment(), SystemTime::now()) {
        Ok(good) => exit_code(good),
        Err(relay_commands::CommandError::Settings(problems)) => {
            eprintln!("{problems}");
            ExitCode::from(CONFIG)
        }
        Err(relay_commands::CommandError::Failed(failure)) => failed(FAILURE)(failure),
    }
}

fn caller(file: &Path, key_file: &Path) -> Result<Caller, ExitCode> {
    let chain = client_chain(file).map_err(failed(FAILURE))?;
    let key = key_in(key_file).map_err(failed(FAILURE))?;
    let credentials = Credentials::new(chain.clone(), &key).map_err(failed(FAILURE))?;
    let key = Some((key_file.display().to_string(), key));
    Ok(Caller { client: ClientFile { file: file.display().to_string(), chain, key }, credentials })
}

/// Prints an explanation or a report.
fn show(explanation: &(impl Serialize + Display), json: bool) -> Result<(), ExitCode> {
    let text = if json {
        serde_json::to_string(explanation).map_err(failed(FAILURE))? + "\n"
    } else {
        explanation.to_string()
    };
    write_out(&text);
    Ok(())
}

fn exit_code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) }
}

/// Prints an error, and returns the exit code `code`.
fn failed<E: Display>(code: u8) -> impl FnOnce(E) -> ExitCode {
    move |error| {
        eprintln!("clawgate: {error}");
        ExitCode::from(code)
    }
}

fn misconfigured(error: &ReloadError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(CONFIG)
}

/// The environment variables, from which settings are read.
fn environment() -> Environment {
    std::env::vars_os().collect()
}

/// The width of the terminal on stdout.
fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

fn start_logging(log: &LogSettings) -> Log {
    let is_terminal = std::io::stdout().is_terminal();
    let layout = || Layout {
        verbose: log.verbose,
        colour: is_terminal && wants_colour(),
        width: columns().filter(|_| is_terminal),
    };
    let format = match log.format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text(layout()),
        LogFormat::Auto if is_terminal => Format::Text(layout()),
        LogFormat::Auto => Format::Json,
    };
    let (subscriber, log) = subscriber(format, log.level.filter.clone());
    // Fails only when a subscriber is set already, and none is set anywhere else.
    let _ = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(event = "panic", detail = %panic, "a fault of clawgate; please report it");
    }));
    log
}
