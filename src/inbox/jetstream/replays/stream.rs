//! The stream on the servers: makes it, or checks that it is as it is needed.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use super::shared::Shared;
use crate::inbox::jetstream::stream::{check_version, is_missing};
use crate::inbox::settings::nats::JetStreamSettings;

/// How many requests the stream has. When it is full, the oldest one is forgotten for a new one.
const MOST: i64 = 1_000_000;

/// The stream that clawgate makes, for requests that are remembered for `window`.
fn wanted(settings: &JetStreamSettings, stream: &str, window: Duration) -> Config {
    Config {
        name: stream.to_owned(),
        description: Some("Signed requests that clawgate has delivered".to_owned()),
        subjects: vec![format!("{}.replay.*", settings.name)],
        max_messages_per_subject: 1,
        max_messages: MOST,
        max_bytes: -1,
        max_age: window,
        max_message_size: -1,
        max_consumers: -1,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        num_replicas: settings.replicas,
        ..Config::default()
    }
}

impl Shared {
    /// Makes the stream if there is none, and lets it remember requests as long as the routes want it.
    ///
    /// # Errors
    /// When it cannot be used, as a sentence.
    pub(super) async fn ensure_stream(&self, settings: &JetStreamSettings) -> Result<(), String> {
        let stream = &self.stream;
        let wanted = wanted(settings, stream, self.longest_window());
        let version = self.client.server_info().version;
        let found = match self.context.get_stream(stream).await {
            Ok(found) => found.cached_info().config.clone(),
            Err(error) if is_missing(&error.kind()) => {
                check_version(&version, wanted.num_replicas)?;
                let made = self.context.create_stream(wanted).await;
                return made
                    .map(drop)
                    .map_err(|error| format!("NATS does not make the stream {stream}: {error}"));
            }
            Err(error) => return Err(format!("NATS does not tell of the stream {stream}: {error}")),
        };
        check_version(&version, found.num_replicas)?;
        if let Some(what) = difference(&found, &wanted) {
            return Err(format!("the stream {stream} was made by somebody else: {what}"));
        }
        if !found.max_age.is_zero() && found.max_age < wanted.max_age {
            let longer = Config { max_age: wanted.max_age, ..found };
            let changed = self.context.update_stream(longer).await;
            changed.map_err(|error| {
                let seconds = wanted.max_age.as_secs();
                format!(
                    "NATS does not let the stream {stream} remember requests for {seconds} s: {error}"
                )
            })?;
        }
        Ok(())
    }
}

/// What makes a stream one that does not recognise requests. Its size, replicas and storage are the operator's.
fn difference(found: &Config, wanted: &Config) -> Option<String> {
    let rules = [
        (
            found.subjects == wanted.subjects,
            format!("its subjects are not {}", wanted.subjects.join(", ")),
        ),
        (found.max_messages_per_subject == 1, "max_msgs_per_subject is not 1".to_owned()),
        (found.retention == RetentionPolicy::Limits, "its retention is not limits".to_owned()),
        (
            found.discard == DiscardPolicy::Old,
            "it does not discard old messages: a full one would recognise no new requests".to_owned(),
        ),
        (found.mirror.is_none() && found.sources.is_none(), "it copies another stream".to_owned()),
        (!found.sealed && !found.no_ack, "it is sealed, or does not confirm messages".to_owned()),
    ];
    rules.into_iter().find(|(holds, _)| !holds).map(|(_, what)| what)
}
