//! Opens a database: to serve, or to look into it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use thiserror::Error;

use super::connect::connect;
use super::damage;
use super::fault::is_damage;
use super::names::folder;
use super::schema::{self, Found, VERSION};
use crate::wording;

/// What came of opening a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Where a damaged database was moved to. The events that wait in it are not delivered: `clawgate inbox recover` reads them.
    pub set_aside: Option<PathBuf>,
}

/// Why a database cannot be used. The text names the file, and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// There is none.
    #[error("{}: there is no inbox yet: clawgate makes it when it starts with a route that has delivery = \"inbox\"", .0.display())]
    Missing(PathBuf),
    /// A newer clawgate has written it.
    #[error(
        "{}: it has version {found}, and this clawgate knows up to {VERSION}: use the clawgate that wrote it, or a newer one",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// It is the database of another program.
    #[error("{}: this is not an inbox of clawgate: name another file in inbox.path", .0.display())]
    Foreign(PathBuf),
    /// The file or folder cannot be used.
    #[error("{}: {what}", path.display())]
    Files {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The database is damaged, and was left where it is.
    #[error("{}: the database is damaged ({what}): {hint}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// The database cannot be used.
    #[error("{}: {what}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// What to do with a database that is damaged and was left where it is.
pub(super) const REFUSED: &str = "move its files (also -wal and -shm) to another folder, start clawgate, and give the moved \
     file to clawgate inbox recover";
/// The same, if another clawgate uses it.
pub(super) const IN_USE: &str = "another clawgate uses it: stop that one, and start this one again";

/// Makes folder and file if they are missing, and brings the tables to the version of this clawgate. Returns where a leftover of
/// another database was moved to.
pub(super) fn prepare(path: &Path) -> Result<Option<PathBuf>, OpenError> {
    let leftover = create(path).map_err(|error| files(path, &error))?;
    let failed = |error: rusqlite::Error| database(path, &error);
    let connection = connect(path).map_err(failed)?;
    match schema::found(&connection).map_err(failed)? {
        Found::Version(VERSION) => {}
        Found::Version(found) if found > VERSION => {
            return Err(OpenError::NewerSchema { path: path.to_owned(), found });
        }
        Found::Foreign => return Err(OpenError::Foreign(path.to_owned())),
        Found::Empty | Found::Version(_) => migrate(&connection).map_err(failed)?,
    }
    match damage::find(&connection, path).map_err(failed)? {
        None => Ok(leftover),
        Some(what) => Err(OpenError::Damaged { path: path.to_owned(), what, hint: REFUSED }),
    }
}

/// Checks that there is a database, and brings its tables to the version of this clawgate.
pub(super) fn look(path: &Path) -> Result<(), OpenError> {
    if let Err(error) = fs::metadata(path) {
        return Err(match error.kind() {
            ErrorKind::NotFound => OpenError::Missing(path.to_owned()),
            _ => files(path, &error),
        });
    }
    let failed = |error: rusqlite::Error| database(path, &error);
    let connection = connect(path).map_err(failed)?;
    match schema::found(&connection).map_err(failed)? {
        Found::Version(VERSION) => Ok(()),
        Found::Version(found) if found > VERSION => {
            Err(OpenError::NewerSchema { path: path.to_owned(), found })
        }
        // The next clawgate that serves would do it, too.
        Found::Version(_) => migrate(&connection).map_err(failed),
        Found::Empty | Found::Foreign => Err(OpenError::Foreign(path.to_owned())),
    }
}

fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let run = || {
        // Another process may have done it in the meantime.
        let from = match schema::found(connection)? {
            Found::Version(version) => version,
            Found::Empty | Found::Foreign => 0,
        };
        if from < VERSION {
            schema::migrate(connection, from)?;
        }
        connection.execute_batch("COMMIT")
    };
    let done = run();
    if done.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    done
}

/// Makes the folder and an empty file, for nobody but this user. What exists is not touched.
fn create(path: &Path) -> io::Result<Option<PathBuf>> {
    let folder = folder(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let leftover = if damage::is_leftover(path) { Some(damage::set_aside(path)?) } else { None };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // Without this, a loss of power may remove the file from its folder.
        Ok(_) => File::open(folder)?.sync_all()?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(leftover)
}

fn files(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Files { path: path.to_owned(), what: wording::io(error) }
}

fn database(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, what) = (path.to_owned(), wording::sqlite(error));
    if is_damage(error) {
        OpenError::Damaged { path, what, hint: REFUSED }
    } else {
        OpenError::Database { path, what }
    }
}
