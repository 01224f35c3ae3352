//! Metrics of when certificates and CRLs expire.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// When one certificate or CRL expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Certificate, CA or CRL.
    pub of: Expiring,
    /// Its name: the subject of a certificate, the issuer of a CRL. It comes from the operator's files, so it
    /// has few values.
    pub name: String,
    /// Distinguishes files with the same name.
    pub mark: String,
    /// When it becomes valid, in seconds since 1970; for a CRL, when it was issued.
    pub from: i64,
    /// When it expires, in seconds since 1970.
    pub at: i64,
}

/// The kinds of files that expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiring {
    /// clawgate's own certificate.
    Certificate,
    /// A CA that issues client certificates.
    ClientCa,
    /// A CRL.
    Crl,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NameLabels {
    name: String,
    mark: String,
}

/// The dates of the current generation, replaced as a whole.
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
                "When a server certificate of clawgate expires, in seconds since 1970.",
                true,
            ),
            (
                Expiring::ClientCa,
                "client_ca_not_after_timestamp_seconds",
                "When a client CA expires, in seconds since 1970.",
                true,
            ),
            (
                Expiring::Crl,
                "crl_next_update_timestamp_seconds",
                "The nextUpdate of a CRL, in seconds since 1970.",
                true,
            ),
            (
                Expiring::Crl,
                "crl_this_update_timestamp_seconds",
                "The thisUpdate of a CRL, in seconds since 1970.",
                false,
            ),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            let mut seen: Vec<NameLabels> = Vec::new();
            for expiry in expiries.iter().filter(|expiry| expiry.of == of) {
                let labels = NameLabels { name: expiry.name.clone(), mark: expiry.mark.clone() };
                // Prometheus rejects a response that has the same series twice.
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
