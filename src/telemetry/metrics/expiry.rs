//! When what clawgate works with runs out.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// The end of one certificate or list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// What it is.
    pub of: Expiring,
    /// Its name: subject, or issuer of a list. From the operator's own files, so there are few.
    pub name: String,
    /// Tells those of the same name apart.
    pub mark: String,
    /// When its time begins, in seconds since 1970: of a revocation list, when it was issued.
    pub from: i64,
    /// When its time ends, in seconds since 1970.
    pub at: i64,
}

/// What may run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiring {
    /// clawgate's own certificate.
    Certificate,
    /// A CA of the clients'.
    ClientCa,
    /// A revocation list.
    Crl,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NameLabels {
    name: String,
    mark: String,
}

/// Those of the present generation, replaced as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Expiries(Arc<Mutex<Vec<Expiry>>>);

impl Expiries {
    pub(super) fn replace(&self, expiries: Vec<Expiry>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = expiries;
    }
}

impl Collector for Expiries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let expiries = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (of, name, help, is_end) in [
            (
                Expiring::Certificate,
                "certificate_not_after_timestamp_seconds",
                "When a certificate of clawgate's own expires, since 1970.",
                true,
            ),
            (
                Expiring::ClientCa,
                "client_ca_not_after_timestamp_seconds",
                "When a CA of the clients' expires, since 1970.",
                true,
            ),
            (
                Expiring::Crl,
                "crl_next_update_timestamp_seconds",
                "When a revocation list is out of date, since 1970.",
                true,
            ),
            (
                Expiring::Crl,
                "crl_this_update_timestamp_seconds",
                "When a revocation list was issued, since 1970.",
                false,
            ),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            let mut seen: Vec<NameLabels> = Vec::new();
            for expiry in expiries.iter().filter(|expiry| expiry.of == of) {
                let labels = NameLabels { name: expiry.name.clone(), mark: expiry.mark.clone() };
                // Twice the same series would make the whole answer unreadable.
                if !seen.contains(&labels) {
                    ConstGauge::new(if is_end { expiry.at } else { expiry.from })
                        .encode(family.encode_family(&labels)?)?;
                    seen.push(labels);
                }
            }
        }
        Ok(())
    }
}
