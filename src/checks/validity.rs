//! Checks dates: whether a certificate has expired, is not valid yet, or should be renewed.

use x509_parser::prelude::X509Certificate;

use crate::finding::{Check, Finding, Severity, Subject};
use crate::identity::name::cut;
use crate::identity::time::{span, time_text};
use crate::identity::{rfc4514, unix_rfc3339};

/// Seconds in a day.
const DAY: i64 = 86_400;
/// A certificate with less time left should be renewed; a short-lived one when less than a third of its validity is
/// left.
pub(super) const SOON: i64 = 30 * DAY;

/// The meaning of a certificate's dates at a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValidityStatus {
    Expired,
    NotYetValid,
    ExpiresSoon,
    Valid,
}

impl ValidityStatus {
    pub(crate) fn of(x509: &X509Certificate<'_>, at: i64) -> Self {
        let validity = x509.validity();
        Self::between(validity.not_before.timestamp(), validity.not_after.timestamp(), at)
    }

    /// For a validity from `from` to `until`, in seconds since 1970.
    pub(super) fn between(from: i64, until: i64, at: i64) -> Self {
        let (left, life) = (until.saturating_sub(at), until.saturating_sub(from));
        if left < 0 {
            Self::Expired
        } else if from > at {
            Self::NotYetValid
        } else if left < SOON.min(life / 3) {
            Self::ExpiresSoon
        } else {
            Self::Valid
        }
    }

    /// The severity of a finding about these dates.
    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Expired | Self::NotYetValid => Severity::Fail,
            Self::ExpiresSoon => Severity::Warning,
            Self::Valid => Severity::Pass,
        }
    }

    /// The dates, as the end of a sentence that begins with a name.
    pub(super) fn sentence(self, from: i64, until: i64, at: i64) -> String {
        let (begins, ends) = (unix_rfc3339(from), unix_rfc3339(until));
        match self {
            Self::Expired => format!("has expired: it was valid until {ends}, {} ago", span(at - until)),
            Self::NotYetValid => format!(
                "is not valid before {begins}, in {}; the clock here says {}",
                span(from - at),
                time_text(at)
            ),
            Self::ExpiresSoon | Self::Valid => {
                format!("is valid until {ends}, {} left", span(until - at))
            }
        }
    }
}

/// Checks the dates of a server's or client's leaf.
pub fn leaf(subject: &Subject, leaf: &X509Certificate<'_>, at: i64) -> Finding {
    let status = ValidityStatus::of(leaf, at);
    let finding = finding(subject, Check::Dates, leaf, at);
    match status {
        ValidityStatus::Expired => finding.hint("renew it and replace the old one; it is refused"),
        ValidityStatus::NotYetValid => finding
            .hint("correct the clock (timedatectl), or have it issued again; it is refused until then"),
        ValidityStatus::ExpiresSoon => finding
            .hint("renew it; if a tool renews it automatically, find out why it has not done so yet"),
        ValidityStatus::Valid => finding,
    }
}

/// Checks the dates of the CAs that are sent with a leaf. Reports the worst, or else the one that expires first.
pub(super) fn above(subject: &Subject, cas: &[X509Certificate<'_>], at: i64) -> Finding {
    let rank = |x509: &&X509Certificate<'_>| {
        (
            ValidityStatus::of(x509, at).severity(),
            std::cmp::Reverse(x509.validity().not_after.timestamp()),
        )
    };
    let Some(worst) = cas.iter().max_by_key(rank) else {
        return subject.skipped(Check::ChainDates, "no CA is sent with it");
    };
    let finding = finding(subject, Check::ChainDates, worst, at);
    match ValidityStatus::of(worst, at) {
        ValidityStatus::Expired => finding.hint(
            "replace it with the CA's renewed certificate (same name and key); clients refuse this one",
        ),
        ValidityStatus::NotYetValid => finding
            .hint("correct the clock (timedatectl), or send the CA's certificate that is valid now"),
        ValidityStatus::ExpiresSoon => {
            finding.hint("get the CA's renewed certificate and replace this one")
        }
        ValidityStatus::Valid => finding,
    }
}

fn finding(subject: &Subject, check: Check, x509: &X509Certificate<'_>, at: i64) -> Finding {
    let validity = x509.validity();
    let (from, until) = (validity.not_before.timestamp(), validity.not_after.timestamp());
    let status = ValidityStatus::between(from, until, at);
    let name = cut(rfc4514(x509.subject()));
    subject.finding(check, status.severity(), format!("{name} {}", status.sentence(from, until, at)))
}
