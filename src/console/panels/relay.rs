//! The targets of the relay: there is nothing to show until clawgate passes requests on to APIs.

use super::parts::Panel;

pub(super) fn panel() -> Option<Panel> {
    None
}
