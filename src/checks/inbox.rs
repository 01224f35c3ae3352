//! Stored events that no route delivers.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use crate::config::Settings;
use crate::finding::{Area, Check, Finding, Subject};
use crate::identity::name::printable;
use crate::inbox::{RouteTotals, StorePlace, StoreTotals, attach};
use crate::wording;

/// How much is stored; `None` if there is no such database.
///
/// # Errors
/// Why that is not known, as a sentence.
pub async fn stored(place: &StorePlace) -> Result<Option<StoreTotals>, String> {
    match place.database().map_or(Ok(true), Path::try_exists) {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err("this user may not enter the folder".to_owned());
        }
        Err(error) => return Err(wording::io(&error)),
    }
    let store = attach(place).map_err(|error| error.to_string())?;
    store.totals().await.map(Some).map_err(|error| error.to_string())
}

/// Events that wait for a route that the settings do not have.
pub fn without_route(settings: &Settings, place: &StorePlace, totals: &StoreTotals) -> Vec<Finding> {
    let routes = settings.reloadable.routes.iter().filter(|route| route.inbox.is_some());
    let known: BTreeSet<String> = routes.map(|route| route.path.to_string()).collect();
    let left = totals.routes.iter().filter(|route| route.waiting > 0 && !known.contains(&route.route));
    let subject = Subject::new(Area::Inbox, place);
    let warning = |route: &RouteTotals| {
        let (count, events) =
            (route.waiting, if route.waiting == 1 { "event waits" } else { "events wait" });
        let detail = format!(
            "{count} {events} for the route {}, which does not store events in these settings",
            printable(&route.route)
        );
        let hint = "restore the route with delivery = \"inbox\" until they are delivered, or remove them: clawgate \
                    inbox drop --route PATH";
        subject.warning(Check::UnknownRoute, detail, hint)
    };
    left.map(warning).collect()
}
