//! `clawgate inbox export`: events with all that is stored of them, as JSON lines.

use std::io::{self, Write};

use thiserror::Error;

use super::record::DetailRecord;
use super::select::Selected;
use crate::inbox::{Store, StoreError};

/// Why an export ended early.
#[derive(Debug, Error)]
pub(super) enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The lines cannot be written.
    #[error("the events cannot be written")]
    Write(#[from] io::Error),
}

/// Writes the events in `selected` to `out`, in the order of their arrival; returns how many. Events that have gone meanwhile
/// are left out. `progress` is told how many of them are done, and how many there are.
///
/// # Errors
/// When the store cannot be read, or `out` not be written.
pub(super) async fn export(
    store: &dyn Store,
    selected: &Selected,
    out: &mut impl Write,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, ExportError> {
    let (mut written, total) = (0, selected.count());
    for (done, id) in (1..).zip(selected.ids.iter().rev()) {
        if let Some(event) = store.get(*id).await? {
            serde_json::to_writer(&mut *out, &DetailRecord::new(&event, true))
                .map_err(io::Error::from)?;
            out.write_all(b"\n")?;
            written += 1;
        }
        progress(done, total);
    }
    out.flush()?;
    Ok(written)
}
