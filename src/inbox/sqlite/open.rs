//! Opens a database: to serve, or to look into it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use thiserror::Error;

use super::connect::connect;
use super::schema::{self, Found, VERSION};
use crate::wording;

/// What came of opening a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Where a damaged database was moved to. The events that wait in it are not delivered: `clawgate inbox recover` reads them.
    pub set_aside: Option<PathBuf>,
}

/// Why a database cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// There is none.
    #[error(
        "{0}: there is no inbox: a route with delivery = \"inbox\" or \"try\" creates it when clawgate starts"
    )]
    Missing(PathBuf),
    /// A newer clawgate has written it.
    #[error(
        "{path}: it has version {found}, this clawgate knows versions up to {VERSION}: use the clawgate that wrote it, or a newer one"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// It is the file of another program.
    #[error("{0}: this is not an inbox of clawgate: name another file in inbox.path")]
    Foreign(PathBuf),
    /// Files or folder cannot be used.
    #[error("{path}: {what}")]
    Files {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The database cannot be used.
    #[error("{path}: {what}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// Makes folder and file if they are missing, and brings the tables to the version of this clawgate.
pub(super) fn prepare(path: &Path) -> Result<(), OpenError> {
    create(path).map_err(|error| files(path, &error))?;
    let connection = connect(path).map_err(|error| database(path, &error))?;
    let found = schema::found(&connection).map_err(|error| database(path, &error))?;
    match found {
        Found::Version(VERSION) => Ok(()),
        Found::Version(found) if found > VERSION => {
            Err(OpenError::NewerSchema { path: path.to_owned(), found })
        }
        Found::Foreign => Err(OpenError::Foreign(path.to_owned())),
        Found::Empty | Found::Version(_) => migrate(&connection).map_err(|error| database(path, &error)),
    }
}

/// Checks that there is a database of a known version. Changes nothing.
pub(super) fn look(path: &Path) -> Result<(), OpenError> {
    if let Err(error) = fs::metadata(path) {
        return Err(match error.kind() {
            ErrorKind::NotFound => OpenError::Missing(path.to_owned()),
            _ => files(path, &error),
        });
    }
    let connection = connect(path).map_err(|error| database(path, &error))?;
    match schema::found(&connection).map_err(|error| database(path, &error))? {
        Found::Version(VERSION) => Ok(()),
        Found::Version(found) => Err(OpenError::NewerSchema { path: path.to_owned(), found }),
        Found::Empty | Found::Foreign => Err(OpenError::Foreign(path.to_owned())),
    }
}

fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // Another process may have done it in the meantime.
    let from = match schema::found(connection)? {
        Found::Version(version) => version,
        Found::Empty | Found::Foreign => 0,
    };
    let done = if from < VERSION { schema::migrate(connection, from) } else { Ok(()) };
    match done.and_then(|()| connection.execute_batch("COMMIT")) {
        Ok(()) => Ok(()),
        Err(error) => {
            if !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK")?;
            }
            Err(error)
        }
    }
}

/// Makes the folder and an empty file, for nobody but this user. What exists is not touched.
fn create(path: &Path) -> io::Result<()> {
    let folder = folder(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // Without this, a loss of power may remove the file from its folder.
        Ok(_) => File::open(folder)?.sync_all(),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// The folder that a file is in.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn files(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Files { path: path.to_owned(), what: wording::io(error) }
}

fn database(path: &Path, error: &rusqlite::Error) -> OpenError {
    OpenError::Database { path: path.to_owned(), what: wording::sqlite(error) }
}
