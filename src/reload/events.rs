//! The events of reloading.

use serde::Serialize;

use super::changes::changes;
use crate::config::Settings;
use crate::wording;

#[derive(Serialize)]
pub(super) struct WatchFailed {
    detail: String,
    hint: &'static str,
}

impl WatchFailed {
    pub(super) fn new(error: &notify::Error) -> Self {
        let hint = "a change of the files is noticed late: raise fs.inotify.max_user_watches and \
                    fs.inotify.max_user_instances, or send SIGHUP after a change";
        Self { detail: wording::watch(error), hint }
    }
}

#[derive(Serialize)]
pub(super) struct ReloadFailed<'a> {
    origin: &'static str,
    /// The generation that stays in use.
    generation: u64,
    detail: &'a str,
    hint: &'static str,
}

impl<'a> ReloadFailed<'a> {
    pub(super) fn new(origin: &'static str, generation: u64, detail: &'a str) -> Self {
        let hint = "the settings from before stay in use; correct this and reload again";
        Self { origin, generation, detail, hint }
    }
}

#[derive(Serialize)]
pub(super) struct Reloaded {
    origin: &'static str,
    generation: u64,
    changed: Vec<String>,
    /// Settings that only a restart changes, and that differ from those that the process was started with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needs_restart: Vec<String>,
}

impl Reloaded {
    pub(super) fn new(
        origin: &'static str,
        generation: u64,
        (old, new): (&Settings, &Settings),
        needs_restart: Vec<String>,
    ) -> Self {
        Self { origin, generation, changed: changes(old, new), needs_restart }
    }
}
