//! Schemas that cannot be used.

use std::fmt;

use thiserror::Error;

use super::limits::{MAX_SCHEMA_FILE, MAX_SCHEMA_FILES};
use crate::wording::nearest;

/// Why a schema cannot be used.
#[derive(Debug)]
pub struct SchemaError {
    /// The file, and where in it, as far as that is known: `claw_event.proto:3:5`.
    pub place: Option<String>,
    /// What is wrong.
    pub fault: SchemaFault,
}

/// What is wrong with a schema.
#[derive(Debug, Error)]
pub enum SchemaFault {
    /// The feature is not there.
    #[error("this build has no protobuf")]
    NotBuilt,
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// An imported file is not there; the words are those of the compiler.
    #[error("{0}")]
    NotThere(String),
    /// It is some other file.
    #[error("has more than {MAX_SCHEMA_FILE} bytes")]
    TooLarge,
    /// So many files are no schema for one message.
    #[error("imports more than {MAX_SCHEMA_FILES} files")]
    TooManyFiles,
    /// Messages within messages, or options within options.
    #[error("has more than {0} brackets within each other")]
    TooDeep(usize),
    /// Neither of both forms.
    #[error("is neither a .proto file nor a compiled descriptor set")]
    OtherFile,
    /// The schema is wrong; the words are those of the compiler.
    #[error("{0}")]
    Wrong(String),
    /// A descriptor set does not have what it needs.
    #[error("is a descriptor set that cannot be used: {0}")]
    WrongSet(String),
    /// There is no such message.
    #[error("has no message `{name}`")]
    NoMessage {
        /// The name in the settings.
        name: String,
        /// The messages that are there.
        known: Vec<String>,
    },
}

impl SchemaError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match &self.fault {
            SchemaFault::NotBuilt => {
                "build with `cargo build --release --features protobuf`, or remove protobuf"
            }
            SchemaFault::Unreadable(_) => "name a file that clawgate's user may read",
            SchemaFault::NotThere(_) => {
                "put imported files beside the schema; those of google/protobuf/ are built in"
            }
            SchemaFault::TooLarge | SchemaFault::OtherFile => {
                "name a .proto file, or what `protoc --include_imports --descriptor_set_out=FILE` makes"
            }
            SchemaFault::TooManyFiles | SchemaFault::TooDeep(_) => {
                "write a smaller schema, with the fields of the one message"
            }
            SchemaFault::Wrong(_) => "correct the schema there",
            SchemaFault::WrongSet(_) => {
                "make it with `protoc --include_imports --descriptor_set_out=FILE`"
            }
            SchemaFault::NoMessage { name, known } => return hint_for_name(name, known),
        }
        .to_owned()
    }
}

fn hint_for_name(name: &str, known: &[String]) -> String {
    const SHOWN: usize = 8;

    let last = |full: &str| full.rsplit('.').next().unwrap_or_default().to_owned();
    let same = known.iter().find(|other| last(other) == last(name)).map(String::as_str);
    match (same.or_else(|| nearest(name, known.iter().map(String::as_str))), known) {
        (Some(meant), _) => format!("did you mean `{meant}`?"),
        (None, []) => "it has no message at all: name another file".to_owned(),
        (None, _) => {
            let more = if known.len() > SHOWN { ", …" } else { "" };
            let shown: Vec<_> = known.iter().take(SHOWN).map(String::as_str).collect();
            format!("it has {}{more}", shown.join(", "))
        }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, &self.fault) {
            (Some(place), SchemaFault::Wrong(what) | SchemaFault::NotThere(what)) => {
                write!(f, "{place}: {what}")
            }
            (Some(place), fault) => write!(f, "{place} {fault}"),
            (None, fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for SchemaError {}
