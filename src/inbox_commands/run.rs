//! Runs one command: finds the database, asks before changes, prints the result.

use std::fmt::Display;
use std::io::{self, BufRead, BufWriter, ErrorKind, IsTerminal, Write};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::change::{Change, change};
use super::error::CommandError;
use super::export::{ExportError, export};
use super::list::list;
use super::progress::Progress;
use super::recover::Recovery;
use super::select::{Selected, select};
use super::show::show;
use super::stats::stats;
use crate::cli::{
    ChangeArgs, ExportArgs, InboxArgs, InboxCommand, InboxFileArgs, ListArgs, RecoverArgs, ShowArgs,
    StatsArgs,
};
use crate::config::{Environment, SettingsArgs, load_for_inbox};
use crate::inbox::{EventState, Filter, OpenError, SqliteStore, Store, StorePlace, attach};
use crate::telemetry::logging;
use crate::wording;

/// Runs `clawgate inbox`, and prints its result. `environment` and `now` are those of the process.
///
/// # Errors
/// When the settings do not say where the database is, it cannot be used, or a named event is not there.
pub fn run(args: &InboxArgs, environment: &Environment, now: SystemTime) -> Result<(), CommandError> {
    let place = place(&args.file, environment)?;
    let unusable =
        |error: io::Error| CommandError::Failed(format!("cannot start: {}", wording::io(&error)));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unusable)?;
    log_on_stderr();
    let session = || Session::open(&place, now);
    runtime.block_on(async {
        match &args.command {
            InboxCommand::List(args) => session()?.list(args).await,
            InboxCommand::Show(args) => session()?.show(args).await,
            InboxCommand::Replay(args) => session()?.change(Change::Replay, args).await,
            InboxCommand::Drop(args) => session()?.change(Change::Drop, args).await,
            InboxCommand::Forget(args) => session()?.change(Change::Forget, args).await,
            InboxCommand::Export(args) => session()?.export(args).await,
            InboxCommand::Recover(args) => recover(args, &place),
            InboxCommand::Stats(args) => session()?.stats(args).await,
        }
    })
}

/// What is changed is logged, but not on a terminal.
fn log_on_stderr() {
    if !io::stderr().is_terminal() {
        // Fails only when a subscriber is set already, and none is set anywhere else.
        let _ = tracing::subscriber::set_global_default(logging::on_stderr());
    }
}

fn place(file: &InboxFileArgs, environment: &Environment) -> Result<StorePlace, CommandError> {
    let place = match &file.inbox {
        Some(path) => StorePlace::Sqlite { path: path.clone() },
        None => {
            let settings = SettingsArgs::with_config(file.config.clone());
            load_for_inbox(&settings, environment)?.place
        }
    };
    Ok(match place {
        // For the log: a relative path says nothing there.
        StorePlace::Sqlite { path } => {
            StorePlace::Sqlite { path: std::path::absolute(&path).unwrap_or(path) }
        }
        StorePlace::JetStream(_) => place,
    })
}

/// What all commands need.
struct Session<'a> {
    store: Arc<dyn Store>,
    place: &'a StorePlace,
    now: SystemTime,
}

impl<'a> Session<'a> {
    fn open(place: &'a StorePlace, now: SystemTime) -> Result<Self, CommandError> {
        let store = attach(place).map_err(|error| CommandError::Failed(error.to_string()))?;
        Ok(Self { store, place, now })
    }

    async fn list(&self, args: &ListArgs) -> Result<(), CommandError> {
        let listed = list(&*self.store, args.filter.filter(self.now), args.limit, self.now).await?;
        print(&if args.json { listed.json_lines()? } else { listed.to_string() })
    }

    async fn show(&self, args: &ShowArgs) -> Result<(), CommandError> {
        let story = show(&*self.store, args.id, args.body, self.now).await?;
        let story =
            story.ok_or_else(|| CommandError::Failed(format!("there is no event {}", args.id)))?;
        print_as(&story, args.json)
    }

    async fn stats(&self, args: &StatsArgs) -> Result<(), CommandError> {
        print_as(&stats(&*self.store, self.now).await?, args.json)
    }

    async fn export(&self, args: &ExportArgs) -> Result<(), CommandError> {
        let selected = self.select(&args.filter.filter(self.now), args.limit).await?;
        let mut out = BufWriter::new(io::stdout().lock());
        let progress = Progress::new("exporting");
        let report = |done, total| progress.report(done, total);
        match export(&*self.store, &selected, &mut out, report).await {
            Ok(_) => Ok(()),
            Err(ExportError::Write(error)) => written(Err(error)),
            Err(error) => Err(error.into()),
        }
    }

    async fn change(&self, what: Change, args: &ChangeArgs) -> Result<(), CommandError> {
        if args.filter.is_empty() {
            let what = what.as_str();
            return Err(CommandError::Usage(format!(
                "say which events to {what}: --id, --route, --state, --key, --principal, --since, \
                 --until or --reason"
            )));
        }
        let mut filter = args.filter.filter(self.now);
        if what == Change::Replay && filter.ids.is_empty() {
            // Events that were delivered would be delivered twice.
            filter.state.get_or_insert(EventState::Dead);
        }
        let selected = match what {
            // What is left of a dropped event is not listed, but can be forgotten.
            Change::Forget => select(&*self.store, &filter, args.limit).await?,
            Change::Replay | Change::Drop => self.select(&filter, args.limit).await?,
        };
        if needs_confirmation(what, &filter, &selected) && !args.yes {
            confirm(what, &selected)?;
        }
        let progress = Progress::new(what.as_str());
        let report = |done, total| progress.report(done, total);
        let mut changed = change(&*self.store, what, &filter, &selected, report).await;
        if what == Change::Forget && args.limit.is_none() {
            changed.forget_dropped(&*self.store, filter, self.now).await;
        }
        drop(progress);
        changed.log(&self.place.to_string(), &args.filter.words());
        match changed.is_empty() && !args.json {
            true => print("no event fits\n")?,
            false => print_as(&changed, args.json)?,
        }
        match changed.error {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Finds the events. If some of them are named, all of those must be there.
    async fn select(&self, filter: &Filter, limit: Option<usize>) -> Result<Selected, CommandError> {
        let selected = select(&*self.store, filter, limit).await?;
        match selected.missing(&filter.ids) {
            Some(id) if limit.is_none() => Err(CommandError::Failed(format!(
                "there is no event {id}, or it does not fit the other conditions; nothing was done"
            ))),
            _ => Ok(selected),
        }
    }
}

fn recover(args: &RecoverArgs, place: &StorePlace) -> Result<(), CommandError> {
    let Some(path) = place.database() else {
        return Err(CommandError::Usage(format!(
            "recover reads a damaged database, and events are stored in NATS here ({place}); to read such a file \
             into another database, name that with --inbox"
        )));
    };
    let failed = |error: OpenError| CommandError::Failed(error.to_string());
    let store = SqliteStore::attach(path).map_err(failed)?;
    let progress = Progress::new("reading");
    let recovered = store.recover(&args.damaged, |done, total| progress.report(done, total));
    drop(progress);
    let recovered = recovered.map_err(failed)?;
    let recovery = Recovery::from(recovered);
    recovery.log(path, &args.damaged);
    print_as(&recovery, args.json)
}

/// Whether more than one event may be changed. How many dropped events would be forgotten is not known.
fn needs_confirmation(what: Change, filter: &Filter, selected: &Selected) -> bool {
    filter.ids.len() != 1 && (selected.count() > 1 || what == Change::Forget)
}

/// Asks before more than one event is changed.
fn confirm(what: Change, selected: &Selected) -> Result<(), CommandError> {
    let dropped = if what == Change::Forget { ", and what is left of dropped ones" } else { "" };
    let what = what.as_str();
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(CommandError::Usage(format!(
            "this would {what} {selected}{dropped}: if that is meant, add --yes"
        )));
    }
    eprint!("{what} {selected}{dropped}? [y/N] ");
    let mut answer = String::new();
    // Without an answer nothing is changed.
    let _ = io::stdin().lock().read_line(&mut answer);
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(CommandError::Failed("nothing was changed".to_owned())),
    }
}

fn print_as(result: &(impl Serialize + Display), json: bool) -> Result<(), CommandError> {
    print(&if json { serde_json::to_string(result)? + "\n" } else { result.to_string() })
}

fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A reader that has seen enough (`clawgate inbox list | head`) is no failure.
fn written(result: io::Result<()>) -> Result<(), CommandError> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CommandError::Failed(format!("cannot write the result: {}", wording::io(&error))))
        }
        _ => Ok(()),
    }
}
