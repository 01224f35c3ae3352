//! The event for a CRL that is used although it is past its nextUpdate.

use serde::Serialize;

use super::crl::Crl;
use crate::identity::time::{span, time_text};

/// The `crl_expired` event: a CRL that is out of date and still used.
#[derive(Debug, Serialize)]
pub(crate) struct StaleCrl<'a> {
    issuer: &'a str,
    file: String,
    due: String,
    detail: String,
    hint: &'static str,
}

impl<'a> StaleCrl<'a> {
    pub(crate) fn of(crl: &'a Crl, now: i64) -> Self {
        let due = time_text(crl.next_update);
        let late = span(now.saturating_sub(crl.next_update));
        Self {
            issuer: &crl.issuer,
            file: crl.file.display().to_string(),
            detail: format!(
                "the CRL of {} is out of date and is still used (clients.crl_expired = \"warn\"): the next \
                 one was due {late} ago, at {due}",
                crl.issuer,
            ),
            due,
            hint: "fetch the CA's current CRL: clients that it has revoked since then are admitted",
        }
    }
}
