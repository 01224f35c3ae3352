//! The folder of the inbox's database.

use std::path::{Path, PathBuf, absolute};

use super::super::resolver::Resolver;
use crate::config::layers::Sourced;

/// Checks that the folder can be for the inbox alone: clawgate may write everywhere in it.
pub(super) fn check(r: &mut Resolver<'_>, path: &Sourced<PathBuf>) {
    let Ok(whole) = absolute(&path.value) else { return };
    let Some(folder) = whole.parent() else { return };
    if folder == Path::new("/") {
        let what =
            format!("{} is right below /, and the inbox needs a folder of its own", whole.display());
        r.report.problem(&path.origin, what, "name e.g. /var/lib/clawgate/inbox.db");
        return;
    }
    let is_in_it = |file: &PathBuf| absolute(file).is_ok_and(|file| file.starts_with(folder));
    if let Some(file) = r.sources.files().find(is_in_it) {
        let what =
            format!("the folder of the inbox also has {}, and clawgate may write there", file.display());
        r.report.warning(&path.origin, what, "give the inbox a folder of its own");
    }
}
