//! `clawgate inbox stats`: how much is stored.

use std::fmt::{self, Display, Formatter};
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::text::{ago, size, table};
use crate::inbox::{RouteTotals, Store, StoreError, StoreTotals};

/// How much is stored, at one time.
#[derive(Debug)]
pub(super) struct Stats {
    totals: StoreTotals,
    now: SystemTime,
}

/// Asks the store how much is in it.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn stats(store: &dyn Store, now: SystemTime) -> Result<Stats, StoreError> {
    Ok(Stats { totals: store.totals().await?, now })
}

impl Serialize for Stats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.totals.serialize(serializer)
    }
}

impl Display for Stats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let StoreTotals { routes, used_bytes, free_bytes } = &self.totals;
        if routes.is_empty() {
            writeln!(f, "no events")?;
        } else {
            let heading = ["ROUTE", "WAITING", "OLDEST", "DEAD", "DELIVERED", "BODIES"];
            let rows = routes.iter().map(|totals| self.row(totals));
            let rows: Vec<_> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
            f.write_str(&table(&rows))?;
        }
        let (used, free) = (size(*used_bytes), size(*free_bytes));
        writeln!(f, "\nthe database uses {used}; {free} are free on its file system")
    }
}

impl Stats {
    fn row(&self, totals: &RouteTotals) -> [String; 6] {
        [
            totals.route.clone(),
            totals.waiting.to_string(),
            totals.oldest_waiting.map_or("-".to_owned(), |oldest| ago(oldest, self.now)),
            totals.dead.to_string(),
            totals.delivered.to_string(),
            size(totals.bytes),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stats(routes: Vec<RouteTotals>) -> Stats {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Stats { totals: StoreTotals { routes, used_bytes: 5 << 20, free_bytes: 3 << 30 }, now }
    }

    fn routes() -> Vec<RouteTotals> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let github = RouteTotals {
            route: "/hooks/github".to_owned(),
            waiting: 12,
            delivered: 1400,
            dead: 1,
            bytes: 24_000,
            oldest_waiting: Some(now - Duration::from_secs(190)),
        };
        let idle = RouteTotals { route: "/hooks/".to_owned(), delivered: 3, ..RouteTotals::default() };
        vec![github, idle]
    }

    #[test]
    fn people_see_a_row_for_each_route_and_the_size() {
        insta::assert_snapshot!(stats(routes()).to_string(), @r"
        ROUTE          WAITING  OLDEST  DEAD  DELIVERED  BODIES
        /hooks/github  12       3m ago  1     1400       23.4KiB
        /hooks/        0        -       0     3          0B

        the database uses 5.0MiB; 3.0GiB are free on its file system
        ");
    }

    #[test]
    fn programs_get_one_object() {
        insta::assert_snapshot!(serde_json::to_string(&stats(routes())).unwrap(), @r#"{"routes":[{"route":"/hooks/github","waiting":12,"delivered":1400,"dead":1,"bytes":24000,"oldest_waiting":"2027-01-15T07:56:50.000Z"},{"route":"/hooks/","waiting":0,"delivered":3,"dead":0,"bytes":0,"oldest_waiting":null}],"used_bytes":5242880,"free_bytes":3221225472}"#);
    }

    #[test]
    fn an_empty_inbox_says_so() {
        assert!(stats(Vec::new()).to_string().starts_with("no events\n"));
    }
}
