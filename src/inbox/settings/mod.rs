//! The settings of the inbox, whether or not this build has the store that they name.

pub(super) mod nats;
pub(super) mod nats_credentials;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use self::nats::JetStreamSettings;
use crate::signature::Template;

/// The settings of the inbox, but for those of single routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxSettings {
    /// Where events are stored.
    pub place: StorePlace,
    /// How many events may wait or be dead.
    pub max_events: u64,
    /// How large the database or the stream may become, in bytes.
    pub max_bytes: u64,
    /// How much of the file system stays free, in bytes; 0 where events are not stored on this machine.
    pub min_free: u64,
    /// How long an event is remembered after its delivery: the window in which a repetition of it is a duplicate.
    pub retain: Duration,
    /// How long a dead event is kept.
    pub retain_dead: Duration,
    /// Whether the request of a delivered event is kept for `retain`, too.
    pub keep_bodies: bool,
    /// The first wait between two tries of one event.
    pub retry_first: Duration,
    /// The longest wait between two tries of one event.
    pub retry_max: Duration,
    /// What to do at the start with a database that is damaged.
    pub on_corrupt: OnCorrupt,
}

impl InboxSettings {
    /// For a command that looks into the inbox of a clawgate: it stores no events, and removes none by itself.
    pub fn of_a_visitor(place: StorePlace) -> Self {
        Self {
            place,
            max_events: u64::MAX,
            max_bytes: u64::MAX,
            min_free: 0,
            retain: Duration::MAX,
            retain_dead: Duration::MAX,
            keep_bodies: true,
            retry_first: Duration::ZERO,
            retry_max: Duration::MAX,
            on_corrupt: OnCorrupt::Refuse,
        }
    }
}

/// Where events are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// In an SQLite database.
    Sqlite {
        /// Its file. The lock is beside it: `inbox.lock`.
        path: PathBuf,
    },
    /// In a stream of NATS JetStream, which several instances use.
    JetStream(Arc<JetStreamSettings>),
}

impl StorePlace {
    /// The file of the database, if it is one.
    pub fn database(&self) -> Option<&Path> {
        match self {
            Self::Sqlite { path } => Some(path),
            Self::JetStream(_) => None,
        }
    }

    /// What is said of NATS, if events are stored there.
    pub fn jetstream(&self) -> Option<&JetStreamSettings> {
        match self {
            Self::Sqlite { .. } => None,
            Self::JetStream(nats) => Some(nats),
        }
    }
}

impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => path.display().fmt(f),
            Self::JetStream(nats) => nats.fmt(f),
        }
    }
}

/// What to do with a database that is damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCorrupt {
    /// Rename its files, and begin with an empty one.
    #[default]
    SetAside,
    /// Do not start.
    Refuse,
}

impl OnCorrupt {
    /// The word for it in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SetAside => "set-aside",
            Self::Refuse => "refuse",
        }
    }
}

/// How the events of one route are stored and delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteInbox {
    /// Where the sender's id of an event is; `None`: as the signature scheme says, and for clients with a certificate
    /// in `Idempotency-Key`.
    pub id: Option<Template>,
    /// How long the sender waits for the upstream's answer; `None` if it gets clawgate's answer at once
    /// (`delivery = "inbox"`).
    pub wait: Option<Duration>,
    /// The status of clawgate's answer to a stored event; 2xx.
    pub status: StatusCode,
    /// In which order events are delivered.
    pub order: Order,
    /// How many events are tried at the same time; at least 1. With [`Order::Strict`] one.
    pub concurrency: usize,
    /// How long an event is tried.
    pub give_up_after: Duration,
    /// Whether the sender's own `Authorization` and other credentials are stored, and sent to the upstream.
    pub store_authorization: bool,
}

/// In which order the events of a route are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By arrival; an event that is tried again does not hold up the others.
    #[default]
    Any,
    /// One after the other; each waits until the one before it is delivered or dead.
    Strict,
}

impl Order {
    /// The word for it in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Strict => "strict",
        }
    }
}
