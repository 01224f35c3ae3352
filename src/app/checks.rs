//! The checks of `clawgate doctor`, for the console.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::doctor;
use crate::finding::{Area, Check, Findings, Subject};
use crate::reload::Source;
use crate::wording;

/// The longest time for all checks that use the network.
const LONGEST: Duration = Duration::from_secs(60);

/// Runs the checks of the settings and files as they are on the disk.
pub(super) fn from_within(source: Arc<Source>) -> Box<dyn Fn() -> Findings + Send + Sync> {
    Box::new(move || {
        let failed = |what: String| {
            let hint = "correct that; clawgate serves with the settings from before";
            Findings { findings: vec![Subject::new(Area::Settings, "").fail(Check::Load, what, hint)] }
        };
        match source.read().prepared {
            Ok(prepared) => doctor::examine_from_within(prepared.settings(), SystemTime::now(), LONGEST)
                .unwrap_or_else(|error| failed(wording::io(&error).to_string())),
            Err(error) => failed(error.to_string()),
        }
    })
}
