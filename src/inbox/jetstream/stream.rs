//! The stream on the servers: makes it, or checks that it is as clawgate needs it.

use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};

use super::link::{Link, Role};
use crate::inbox::settings::nats::JetStreamSettings;

/// The stream that clawgate makes. The limits on its size are clawgate's own (`inbox.max_bytes`): a stream that is full would also
/// refuse what has become of events.
pub(super) fn wanted(settings: &JetStreamSettings) -> Config {
    let name = &settings.name;
    Config {
        name: name.clone(),
        description: Some("The inbox of clawgate".to_owned()),
        subjects: vec![format!("{name}.event.*"), format!("{name}.state.*"), format!("{name}.right")],
        max_messages_per_subject: 1,
        max_messages: -1,
        max_bytes: -1,
        max_age: Duration::ZERO,
        max_message_size: -1,
        max_consumers: -1,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: settings.replicas,
        allow_direct: true,
        ..Config::default()
    }
}

/// Why the stream cannot be used, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is not there, or is another one than clawgate needs.
    Refused(String),
    /// The server has not told. What it has told before holds.
    NotKnown(String),
}

impl Link {
    /// Makes the stream if there is none; a command makes none.
    ///
    /// # Errors
    /// When it cannot be used, or that is not known.
    pub(super) async fn ensure_stream(&self, settings: &JetStreamSettings) -> Result<(), Unusable> {
        let wanted = wanted(settings);
        let version = self.client.server_info().version;
        let found = match self.context.get_stream(&*self.name).await {
            Ok(stream) => stream.cached_info().config.clone(),
            Err(error) if is_missing(&error.kind()) && self.limits.role == Role::Server => {
                check_version(&version, wanted.num_replicas).map_err(Unusable::Refused)?;
                let made = self.context.create_stream(wanted.clone()).await;
                return made.map(drop).map_err(|error| {
                    Unusable::Refused(format!("NATS does not make the stream {}: {error}", self.name))
                });
            }
            Err(error) if is_missing(&error.kind()) => {
                let what = format!("NATS has no stream {}: no clawgate has used it yet", self.name);
                return Err(Unusable::Refused(what));
            }
            Err(error) => return Err(Unusable::NotKnown(format!("NATS: {error}"))),
        };
        check_version(&version, found.num_replicas).map_err(Unusable::Refused)?;
        differences(&found, &wanted).map_or(Ok(()), |what| {
            Err(Unusable::Refused(format!("the stream {} was made by somebody else: {what}", self.name)))
        })
    }
}

/// Whether the server says that there is no such stream.
pub(super) fn is_missing(kind: &GetStreamErrorKind) -> bool {
    use async_nats::jetstream::ErrorCode;

    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// The first version whose replicas stay the same. Those of older servers count differently which messages were refused because of
/// another last sequence than expected, so that after a failure one has events that another one does not have.
const SAME_REPLICAS: (u64, u64) = (2, 10);

/// Whether servers of this version may store a stream with so many replicas.
///
/// # Errors
/// Why not, as a sentence.
pub(super) fn check_version(version: &str, replicas: usize) -> Result<(), String> {
    if replicas > 1 && release(version).is_some_and(|release| release < SAME_REPLICAS) {
        return Err(format!(
            "nats-server {version} may lose events of a stream with {replicas} replicas: use 2.10 or newer, or one server and \
             inbox.nats.replicas = 1"
        ));
    }
    Ok(())
}

/// The first two numbers of a version.
pub(super) fn release(version: &str) -> Option<(u64, u64)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// What makes a stream one that loses events or does not know repetitions. Replicas and placement are the operator's.
pub(super) fn differences(found: &Config, wanted: &Config) -> Option<String> {
    let mut subjects = (found.subjects.clone(), wanted.subjects.clone());
    subjects.0.sort_unstable();
    subjects.1.sort_unstable();
    let rules = [
        (subjects.0 == subjects.1, format!("its subjects are not {}", wanted.subjects.join(", "))),
        (found.max_messages_per_subject == 1, "max_msgs_per_subject is not 1".to_owned()),
        (found.max_age.is_zero(), "it has a max_age: events would be lost".to_owned()),
        (found.retention == RetentionPolicy::Limits, "its retention is not limits".to_owned()),
        (
            found.discard == DiscardPolicy::New,
            "it discards old messages: events would be lost".to_owned(),
        ),
        (found.storage == StorageType::File, "its storage is not file: events would be lost".to_owned()),
        (found.allow_direct, "allow_direct is off".to_owned()),
        (
            found.max_bytes <= 0 && found.max_messages <= 0 && found.max_message_size <= 0,
            "it has a limit (max_bytes, max_msgs or max_msg_size): it could not store what becomes of events".to_owned(),
        ),
        (
            !found.discard_new_per_subject,
            "discard_new_per_subject is on: it could not store what becomes of events".to_owned(),
        ),
        (
            found.persist_mode != Some(PersistenceMode::Async),
            "its persist_mode is async: events would be lost".to_owned(),
        ),
        (found.mirror.is_none() && found.sources.is_none(), "it copies another stream".to_owned()),
        (
            !found.sealed && !found.deny_delete && !found.no_ack,
            "it is sealed, or denies deletes or acks".to_owned(),
        ),
    ];
    rules.into_iter().find(|(holds, _)| !holds).map(|(_, what)| what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_loses_events_or_cannot_note_what_becomes_of_them_is_refused() {
        type Change = fn(&mut Config);

        let wanted = Config {
            name: "clawgate".to_owned(),
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            allow_direct: true,
            ..Config::default()
        };
        // As a server tells it.
        let made = Config { max_bytes: -1, max_messages: -1, max_message_size: -1, ..wanted.clone() };
        assert_eq!(differences(&made, &wanted), None);
        let changes: [(Change, &str); 8] = [
            (|it| it.max_bytes = 1 << 20, "max_bytes"),
            (|it| it.max_messages = 10, "max_bytes"),
            (|it| it.max_message_size = 100, "max_bytes"),
            (|it| it.discard_new_per_subject = true, "discard_new_per_subject"),
            (|it| it.persist_mode = Some(PersistenceMode::Async), "persist_mode"),
            (|it| it.discard = DiscardPolicy::Old, "discards old"),
            (|it| it.max_age = Duration::from_secs(1), "max_age"),
            (|it| it.storage = StorageType::Memory, "storage"),
        ];
        for (change, what) in changes {
            let mut found = made.clone();
            change(&mut found);
            let why = differences(&found, &wanted);
            assert!(why.as_deref().is_some_and(|why| why.contains(what)), "{what}: {why:?}");
        }
    }

    #[test]
    fn servers_before_2_10_may_store_a_stream_on_one_server_only() {
        for version in ["2.9.10", "2.9.25", "1.4.1"] {
            let why = check_version(version, 3).unwrap_err();
            assert!(why.contains(version) && why.contains("2.10 or newer"), "{why}");
            assert_eq!(check_version(version, 1), Ok(()));
        }
    }

    #[test]
    fn servers_from_2_10_on_may_store_a_stream_on_several_servers() {
        for version in ["2.10.0", "2.15.1", "3.0.0-RC.1", "of tomorrow"] {
            assert_eq!(check_version(version, 3), Ok(()), "{version}");
        }
    }
}
