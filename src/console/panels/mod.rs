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
mod targets;

use self::parts::Panel;
use super::data::ConsoleData;

/// All panels, in the order of the page.
pub(super) fn all(data: &ConsoleData) -> [Panel; 11] {
    let panel = |id, title, mark, content| Panel { id, title, mark, content };
    let none = || None;
    [
        panel(
            "refusals",
            "Refused clients",
            count(refusals::grouped(data).len()),
            refusals::content(data),
        ),
        panel("inbox", "Inbox", inbox::mark(data), inbox::content(data)),
        panel("dead", "Dead letters", dead::mark(data), dead::content(data)),
        panel("events", "Latest events", none(), events::content(data)),
        panel("targets", "Relay targets", targets::mark(data), targets::content(data)),
        panel("signatures", "Signatures", none(), signatures::content(data)),
        panel("duplicates", "Duplicates and replays", none(), duplicates::content(data)),
        panel("expiry", "What expires", none(), expiry::content(data)),
        panel("seen", "Last seen", none(), seen::content(data)),
        panel("rates", "The last hour", none(), rates::content(data)),
        panel("doctor", "Checks", doctor::mark(data), doctor::content(data)),
    ]
}

/// A number beside the name of a panel; none for 0.
fn count(number: usize) -> Option<String> {
    (number > 0).then(|| number.to_string())
}
