//! The arguments of `clawgate inbox`.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::values::{Moment, moment};
use crate::inbox::{DeadReason, EventId, EventState, Filter};

/// How many events `list` shows.
const LISTED: usize = 50;

/// The heading of the conditions in help texts.
const WHICH: &str = "Which events";

/// Arguments of `inbox`.
#[derive(Debug, Args)]
pub struct InboxArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: InboxCommand,
    /// Where the events are.
    #[command(flatten)]
    pub file: InboxFileArgs,
}

/// Which database.
#[derive(Debug, Args)]
pub struct InboxFileArgs {
    /// The settings as a TOML file, of which `[inbox]` is read
    /// [env: CLAWGATE_CONFIG] [default: none]
    #[arg(long, value_name = "FILE", global = true, verbatim_doc_comment)]
    pub config: Option<OsString>,
    /// The database; with it, no settings are read
    /// [env: CLAWGATE_INBOX] [default: inbox.path of the settings]
    #[arg(long, value_name = "FILE", global = true, verbatim_doc_comment)]
    pub inbox: Option<PathBuf>,
}

/// What to do with stored events.
#[derive(Debug, Subcommand)]
pub enum InboxCommand {
    /// List events, the newest first
    List(ListArgs),
    /// Show what happened to one event: received, each try, delivered or given up
    Show(ShowArgs),
    /// Deliver events once more: dead ones, unless --state or --id says otherwise
    Replay(ChangeArgs),
    /// Remove events; if a sender repeats one, it is still a duplicate
    Drop(ChangeArgs),
    /// Remove all that is stored of events; if a sender repeats one, it is a new event
    Forget(ChangeArgs),
    /// Print events with their requests as JSON lines, in the order of arrival
    Export(ExportArgs),
    /// Take the events that were not delivered out of a damaged database, into the one in use
    Recover(RecoverArgs),
    /// Show how many events each route has, how old they are, and the size of the database
    Stats(StatsArgs),
}

/// Arguments of `inbox list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How many events at most
    #[arg(long, value_name = "COUNT", default_value_t = LISTED, help_heading = WHICH)]
    pub limit: usize,
    /// Print one JSON object for each event instead of a table
    #[arg(long)]
    pub json: bool,
    /// Which events.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Arguments of `inbox show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The event's id, as `list` shows it
    #[arg(value_parser = event_id())]
    pub id: EventId,
    /// Also show the request: its header fields, without credentials, and its body
    #[arg(long)]
    pub body: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `inbox replay`, `drop` and `forget`.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// How many events at most, the newest ones
    #[arg(long, value_name = "COUNT", help_heading = WHICH)]
    pub limit: Option<usize>,
    /// Do not ask before more than one event is changed
    #[arg(long)]
    pub yes: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Which events.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Arguments of `inbox export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// How many events at most, the newest ones
    #[arg(long, value_name = "COUNT", help_heading = WHICH)]
    pub limit: Option<usize>,
    /// Which events.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Arguments of `inbox recover`.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// The damaged database, such as inbox.db.corrupt-20270101T000000Z
    #[arg(value_name = "FILE")]
    pub damaged: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `inbox stats`.
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Which events: those that fit all of these.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = WHICH)]
pub struct FilterArgs {
    /// This event; repeatable
    #[arg(long = "id", value_name = "ID", value_parser = event_id())]
    pub ids: Vec<EventId>,
    /// Events of the route with this path, as the settings have it
    #[arg(long, value_name = "PATH")]
    pub route: Option<String>,
    /// Events in this state
    #[arg(long, value_parser = state())]
    pub state: Option<EventState>,
    /// Events with this id of the sender
    #[arg(long)]
    pub key: Option<String>,
    /// Events of this sender, as `show` names it
    #[arg(long)]
    pub principal: Option<String>,
    /// Events received since then: 2027-01-01T00:00:00Z, or 2h for two hours ago
    #[arg(long, value_name = "TIME", value_parser = OsStringValueParser::new().try_map(moment))]
    pub since: Option<Moment>,
    /// Events received before then, written in the same way
    #[arg(long, value_name = "TIME", value_parser = OsStringValueParser::new().try_map(moment))]
    pub until: Option<Moment>,
    /// Events given up for this reason, such as rejected or too_old
    #[arg(long, value_parser = reason(), hide_possible_values = true)]
    pub reason: Option<DeadReason>,
}

impl FilterArgs {
    /// The filter, if the present time is `now`.
    pub fn filter(&self, now: SystemTime) -> Filter {
        Filter {
            ids: self.ids.clone(),
            route: self.route.clone(),
            state: self.state,
            key: self.key.clone(),
            principal: self.principal.clone(),
            since: self.since.map(|moment| moment.at(now)),
            until: self.until.map(|moment| moment.at(now)),
            reason: self.reason,
            before_seq: None,
        }
    }

    /// Whether every event fits.
    pub fn is_empty(&self) -> bool {
        self.words().is_empty()
    }

    /// The conditions as on the command line, for the log.
    pub fn words(&self) -> String {
        let mut words = String::new();
        let mut add = |flag: &str, value: Option<&str>| {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = write!(words, "--{flag} {value} ");
            }
        };
        for id in &self.ids {
            add("id", Some(&id.to_string()));
        }
        add("route", self.route.as_deref());
        add("state", self.state.map(EventState::as_str));
        add("key", self.key.as_deref());
        add("principal", self.principal.as_deref());
        add("since", self.since.map(|moment| moment.to_string()).as_deref());
        add("until", self.until.map(|moment| moment.to_string()).as_deref());
        add("reason", self.reason.map(DeadReason::as_str));
        words.trim_end().to_owned()
    }
}

fn event_id() -> impl TypedValueParser<Value = EventId> {
    OsStringValueParser::new().try_map(|text: OsString| text.to_string_lossy().parse::<EventId>())
}

fn state() -> impl TypedValueParser<Value = EventState> {
    let names = PossibleValuesParser::new(EventState::ALL.map(EventState::as_str));
    names.try_map(|name| {
        EventState::ALL.into_iter().find(|state| state.as_str() == name).ok_or("no state of an event")
    })
}

fn reason() -> impl TypedValueParser<Value = DeadReason> {
    let names = PossibleValuesParser::new(DeadReason::ALL.map(DeadReason::as_str));
    names.try_map(|name| {
        DeadReason::ALL.into_iter().find(|reason| reason.as_str() == name).ok_or("no reason")
    })
}
