//! The panels, one file each.

mod dead;
mod doctor;
mod duplicates;
mod events;
mod expiry;
mod inbox;
mod parts;
mod rates;
pub(super) mod refusals;
mod seen;
mod signatures;

use self::parts::Panel;
use super::data::ConsoleData;

/// All panels, in the order of the page.
pub(super) fn all(data: &ConsoleData) -> [Panel; 10] {
    let panel = |id, title, content| Panel { id, title, content };
    [
        panel("refusals", "Refused clients", refusals::content(data)),
        panel("inbox", "Inbox", inbox::content(data)),
        panel("dead", "Dead letters", dead::content(data)),
        panel("events", "Latest events", events::content(data)),
        panel("signatures", "Signatures", signatures::content(data)),
        panel("duplicates", "Duplicates and replays", duplicates::content(data)),
        panel("expiry", "What expires", expiry::content(data)),
        panel("seen", "Last seen", seen::content(data)),
        panel("rates", "The last hour", rates::content(data)),
        panel("doctor", "Checks", doctor::content(data)),
    ]
}
