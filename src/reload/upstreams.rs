//! Upstreams, prepared from the settings. Routes with the same upstream settings share one.

use std::sync::Arc;

use super::error::PrepareError;
use crate::config::UpstreamSettings;
use crate::telemetry::metrics::Metrics;
use crate::upstream::{Backend, Client, Connector, MisconfigurationLog, Target, Timeouts, Upstream};

/// What all workers share of one upstream.
#[derive(Debug)]
pub(super) struct PreparedUpstream {
    settings: UpstreamSettings,
    /// `None` for `echo:`.
    connector: Option<Connector>,
    misconfigurations: Arc<MisconfigurationLog>,
}

/// An upstream of one worker, with its own pool. It outlives reloads that do not change its settings.
#[derive(Debug)]
pub(super) struct WorkerUpstream {
    pub(super) settings: UpstreamSettings,
    pub(super) upstream: Arc<Upstream>,
}

impl PreparedUpstream {
    pub(super) fn new(settings: &UpstreamSettings) -> Result<Self, PrepareError> {
        let connector = match &settings.target {
            Target::Echo => None,
            target => Some(
                Connector::new(target.clone(), settings.secure.as_ref())
                    .map_err(|error| PrepareError::Upstream(target.clone(), error))?,
            ),
        };
        let token = settings.token.is_some().then(|| settings.token_origin.clone());
        let misconfigurations = Arc::new(MisconfigurationLog::new(settings.target.to_string(), token));
        Ok(Self { settings: settings.clone(), connector, misconfigurations })
    }

    pub(super) fn is_for(&self, settings: &UpstreamSettings) -> bool {
        self.settings == *settings
    }

    /// This upstream for one worker: the one in `existing` with the same settings, or a new one.
    pub(super) fn for_worker(
        &self,
        existing: &[WorkerUpstream],
        workers: usize,
        metrics: &Metrics,
    ) -> WorkerUpstream {
        let same = existing.iter().find(|existing| existing.settings == self.settings);
        let upstream = match same {
            Some(same) => Arc::clone(&same.upstream),
            None => Arc::new(self.connect_later(workers, metrics)),
        };
        WorkerUpstream { settings: self.settings.clone(), upstream }
    }

    /// A new upstream with an empty pool. Each of `workers` gets an equal part of the limits.
    fn connect_later(&self, workers: usize, metrics: &Metrics) -> Upstream {
        let settings = &self.settings;
        let [concurrency, queue] =
            [settings.connections, settings.queue].map(|count| count.div_ceil(workers));
        let timeouts = Timeouts {
            connect: settings.connect_timeout,
            response: settings.response_timeout,
            idle: settings.idle_timeout,
        };
        Upstream {
            name: settings.target.to_string().into(),
            backend: match &self.connector {
                Some(connector) => Backend::Client(Client::new(
                    connector.clone(),
                    timeouts,
                    concurrency,
                    queue,
                    metrics.upstream(&settings.target.to_string()),
                )),
                None => Backend::Echo,
            },
            authorization: settings.token.as_ref().map(|token| token.authorization().clone()),
            forwarding: settings.forwarding,
            misconfiguration_log: Arc::clone(&self.misconfigurations),
            idle_timeout: settings.idle_timeout,
        }
    }
}
