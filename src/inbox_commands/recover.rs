//! `clawgate inbox recover`: what could be taken out of a damaged database.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use serde::Serialize;
use tracing::Level;

use super::text::events;
use crate::inbox::Recovered;
use crate::telemetry::emit;

/// What came of reading a damaged database.
#[derive(Debug, Serialize)]
pub(super) struct Recovery {
    stored: u64,
    present: u64,
    gaps: u64,
    without_request: u64,
}

impl From<Recovered> for Recovery {
    fn from(recovered: Recovered) -> Self {
        let Recovered { stored, present, gaps, without_request } = recovered;
        Self { stored, present, gaps, without_request }
    }
}

/// The event `recovered`.
#[derive(Debug, Serialize)]
struct Line {
    inbox: String,
    file: String,
    stored: u64,
    present: u64,
    gaps: u64,
    without_request: u64,
    uid: u32,
}

impl Recovery {
    /// Logs who has taken the events of `damaged` into `inbox`.
    pub(super) fn log(&self, inbox: &Path, damaged: &Path) {
        let Self { stored, present, gaps, without_request } = *self;
        let (inbox, file) = (inbox.display().to_string(), damaged.display().to_string());
        let uid = rustix::process::getuid().as_raw();
        let line = Line { inbox, file, stored, present, gaps, without_request, uid };
        emit(Level::WARN, "recovered", &line);
    }
}

impl Display for Recovery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let are = |count: u64| if count == 1 { "is" } else { "are" };
        let stored = events(self.stored);
        writeln!(f, "{stored} {} in the inbox again, waiting or dead as before", are(self.stored))?;
        if self.present > 0 {
            let present = events(self.present);
            writeln!(f, "{present} {} there already, or delivered from there", are(self.present))?;
        }
        if self.without_request > 0 {
            let lost = events(self.without_request);
            writeln!(f, "{lost} {} lost: the request cannot be read", are(self.without_request))?;
        }
        match self.gaps {
            0 => Ok(()),
            1 => writeln!(f, "1 place cannot be read; how many events were there is not known"),
            gaps => writeln!(f, "{gaps} places cannot be read; how many events were there is not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_told_besides_what_is_recovered() {
        let all = Recovery { stored: 12, present: 1, gaps: 2, without_request: 3 };
        insta::assert_snapshot!(all.to_string(), @r"
        12 events are in the inbox again, waiting or dead as before
        1 event is there already, or delivered from there
        3 events are lost: the request cannot be read
        2 places cannot be read; how many events were there is not known
        ");
        let one = Recovery { stored: 1, present: 0, gaps: 0, without_request: 0 };
        assert_eq!(one.to_string(), "1 event is in the inbox again, waiting or dead as before\n");
    }
}
