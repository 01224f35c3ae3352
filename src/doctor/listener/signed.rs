//! Checks a listener for webhook senders, which asks for no certificate.

use std::net::SocketAddr;

use super::ListenerCheck;
use crate::explain::Ending;
use crate::finding::{Check, Finding};

impl ListenerCheck<'_> {
    /// The checks of a listener that should ask for no certificate.
    pub(super) async fn without_certificates(self, bind: SocketAddr) -> Vec<Finding> {
        let check = Self { asks: false, ..self };
        let Some(server) = check.server() else {
            return Vec::new();
        };
        let seen = check.observe(&server, None);
        if let Ending::Unreachable(error) = &seen.ending {
            return vec![check.not_running(bind, error)];
        }
        let mut found = vec![check.place.pass(Check::Reachable, "takes connections")];
        if let Some(finding) = check.not_clawgate(&seen).await {
            found.push(finding);
            return found;
        }
        found.push(check.serves_the_file(&seen));
        found.extend(check.as_clients_see_it(&seen));
        found.push(match seen.asked {
            None => check.place.pass(Check::NoCertificate, "asks for no client certificate"),
            Some(_) => check.place.fail(
                Check::NoCertificate,
                "asks for a client certificate, which webhook senders do not have",
                "it does not run with these settings: restart it, and look what listens there (ss -ltnp)",
            ),
        });
        found.push(check.plain_http().await);
        found.push(check.old_tls().await);
        found
    }
}
