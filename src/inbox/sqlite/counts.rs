//! How many events each route has: a copy in memory of the table `route`, for the thread that writes.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, Statement};

use super::schema::state;

/// The totals of all routes, as the current transaction sees them.
///
/// They are read again when another connection has changed the database, and after a transaction that failed.
pub(super) struct Counts<'c> {
    version: Statement<'c>,
    read: Statement<'c>,
    add: Statement<'c>,
    write: Statement<'c>,
    /// What `PRAGMA data_version` said when they were read; `None` if they must be read.
    known: Option<i64>,
    others: bool,
    routes: Vec<Route>,
    by_path: HashMap<Arc<str>, usize>,
    last_seq: i64,
}

/// The totals of one route.
#[derive(Clone, Debug)]
struct Route {
    id: i64,
    last_seq: i64,
    /// By `event.state`: waiting, delivered, dead.
    events: [i64; 3],
    bytes: i64,
    changed: bool,
}

impl<'c> Counts<'c> {
    /// Of this database.
    pub(super) fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            version: connection.prepare("PRAGMA data_version")?,
            read: connection
                .prepare("SELECT id, path, last_seq, waiting, delivered, dead, bytes FROM route ORDER BY id")?,
            add: connection.prepare("INSERT INTO route (path) VALUES (?1)")?,
            write: connection.prepare(
                "UPDATE route SET last_seq = ?2, waiting = ?3, delivered = ?4, dead = ?5, bytes = ?6 WHERE id = ?1",
            )?,
            known: None,
            others: false,
            routes: Vec::new(),
            by_path: HashMap::new(),
            last_seq: 0,
        })
    }

    /// Brings them up to date.
    pub(super) fn refresh(&mut self) -> rusqlite::Result<()> {
        let version = self.version.query_row([], |row| row.get(0))?;
        if self.known == Some(version) {
            return Ok(());
        }
        self.others = true;
        self.routes.clear();
        self.by_path.clear();
        self.last_seq = 0;
        let mut rows = self.read.query([])?;
        while let Some(row) = rows.next()? {
            let route = Route {
                id: row.get(0)?,
                last_seq: row.get(2)?,
                events: [row.get(3)?, row.get(4)?, row.get(5)?],
                bytes: row.get(6)?,
                changed: false,
            };
            self.last_seq = self.last_seq.max(route.last_seq);
            self.by_path.insert(Arc::from(row.get::<_, String>(1)?), self.routes.len());
            self.routes.push(route);
        }
        self.known = Some(version);
        Ok(())
    }

    /// Whether another connection may have changed the database since the last call.
    pub(super) fn others_have_changed(&mut self) -> bool {
        std::mem::take(&mut self.others)
    }

    /// After a transaction that failed: they must be read again.
    pub(super) fn discard(&mut self) {
        self.known = None;
    }

    /// The greatest `seq` that was given to an event.
    pub(super) fn last_seq(&self) -> i64 {
        self.last_seq
    }

    /// The `route.id` of a path. A new route is added.
    pub(super) fn route(&mut self, path: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(index) = self.by_path.get(path) {
            return Ok(self.routes[*index].id);
        }
        let id = self.add.insert([path])?;
        self.by_path.insert(Arc::clone(path), self.routes.len());
        self.routes.push(Route { id, last_seq: 0, events: [0; 3], bytes: 0, changed: true });
        Ok(id)
    }

    /// A `seq` for a new event of this route.
    pub(super) fn next_seq(&mut self, route: i64) -> i64 {
        self.last_seq += 1;
        let seq = self.last_seq;
        if let Some(route) = self.route_mut(route) {
            route.last_seq = seq;
        }
        seq
    }

    /// An event of `size` bytes has got this `event.state`.
    pub(super) fn entered(&mut self, route: i64, state: i64, size: i64) {
        self.change(route, state, size, 1);
    }

    /// An event of `size` bytes does not have this `event.state` any more.
    pub(super) fn left(&mut self, route: i64, state: i64, size: i64) {
        self.change(route, state, size, -1);
    }

    fn change(&mut self, route: i64, state: i64, size: i64, sign: i64) {
        let Some(route) = self.route_mut(route) else { return };
        if let Some(events) = usize::try_from(state).ok().and_then(|state| route.events.get_mut(state)) {
            *events += sign;
        }
        if state == state::WAITING || state == state::DEAD {
            route.bytes += sign * size;
        }
    }

    fn route_mut(&mut self, id: i64) -> Option<&mut Route> {
        let index = self.routes.binary_search_by_key(&id, |route| route.id).ok()?;
        let route = &mut self.routes[index];
        route.changed = true;
        Some(route)
    }

    /// How many events wait or are dead.
    pub(super) fn kept(&self) -> i64 {
        self.routes.iter().map(|route| route.events[0] + route.events[2]).sum()
    }

    /// Writes what has changed, at the end of a transaction.
    pub(super) fn write(&mut self) -> rusqlite::Result<()> {
        for route in self.routes.iter_mut().filter(|route| route.changed) {
            let [waiting, delivered, dead] = route.events;
            self.write.execute([route.id, route.last_seq, waiting, delivered, dead, route.bytes])?;
            route.changed = false;
        }
        Ok(())
    }
}

/// Runs `work` in a transaction: all of its changes are made, or none.
pub(super) fn in_transaction<'c, T>(
    connection: &Connection,
    counts: &mut Counts<'c>,
    work: impl FnOnce(&mut Counts<'c>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let run = || {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        counts.refresh()?;
        let done = work(counts)?;
        counts.write()?;
        connection.execute_batch("COMMIT")?;
        Ok(done)
    };
    let done = run();
    if done.is_err() {
        counts.discard();
        // After some errors SQLite itself has ended the transaction.
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
    }
    done
}
