//! The `clawgate` command: reads the settings, runs or checks them, chooses the exit code.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use clawgate::app::{App, Ending};
use clawgate::cli::{Cli, Command};
use clawgate::config::{LogFormat, LogSettings, SettingsArgs, load};
use clawgate::observe::logging::{Format, subscriber};
use tracing_subscriber::EnvFilter;

/// Failed at run time.
const FAILURE: u8 = 1;
/// Something is wrong with the settings (EX_CONFIG of sysexits.h).
const CONFIG: u8 = 78;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run(&args),
        Command::Check(args) => check(&args),
    }
}

fn run(args: &SettingsArgs) -> ExitCode {
    let (app, log) = match prepare(args) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    start_logging(&log);
    match app.run(&|| load_and_prepare(args)) {
        Ok(Ending::Drained) => ExitCode::SUCCESS,
        Ok(Ending::AtOnce) => ExitCode::from(FAILURE),
        Err(error) => {
            eprintln!("clawgate: {error}");
            ExitCode::from(FAILURE)
        }
    }
}

fn check(args: &SettingsArgs) -> ExitCode {
    let (app, _) = match prepare(args) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    let mut text = app.summary();
    for warning in app.warnings() {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text.push_str("clawgate: all is well with the settings\n");
    // Not `print!`, which panics when the reader has gone (`clawgate check | head`).
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn prepare(args: &SettingsArgs) -> Result<(App, LogSettings), ExitCode> {
    let app = load_and_prepare(args).map_err(|problem| {
        eprintln!("{problem}");
        ExitCode::from(CONFIG)
    })?;
    let log = app.log().clone();
    Ok((app, log))
}

/// Reads everything there is to read; on failure says what is wrong, for people.
fn load_and_prepare(args: &SettingsArgs) -> Result<App, String> {
    let environment = std::env::vars_os().collect();
    let settings =
        load(args, &environment, SystemTime::now()).map_err(|problems| problems.to_string())?;
    App::prepare(settings).map_err(|error| format!("clawgate: {error}"))
}

fn start_logging(log: &LogSettings) {
    let format = match log.format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
        LogFormat::Auto if std::io::stdout().is_terminal() => Format::Text,
        LogFormat::Auto => Format::Json,
    };
    // The settings have checked it; should that ever differ, too much is better than nothing.
    let filter = EnvFilter::try_new(&log.level).unwrap_or_default();
    // Fails only when one is set already, and nobody else sets one.
    let _ = tracing::subscriber::set_global_default(subscriber(format, filter));
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(event = "panic", detail = %panic, "a fault of the gate; please report it");
    }));
}
