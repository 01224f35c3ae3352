//! What is known of a credential, for those who look at a target. Never the secret.

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::identity::time::rfc3339_millis;

/// What is known of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CredentialState {
    /// None is needed.
    None,
    /// It is as its file has it.
    File {
        /// When the file was read.
        #[serde(serialize_with = "rfc3339_at")]
        read: SystemTime,
    },
    /// There is a token.
    Token {
        /// From when on it is renewed, by the next request; `None`: it does not end.
        #[serde(serialize_with = "rfc3339")]
        renewed: Option<SystemTime>,
        /// When it ends.
        #[serde(serialize_with = "rfc3339")]
        ends: Option<SystemTime>,
        /// Why it could not be renewed the last time.
        failure: Option<String>,
    },
    /// No token was needed yet, or the last one has ended.
    NotAsked,
    /// There is no token.
    Missing {
        /// Why, as a sentence.
        detail: String,
    },
}

fn rfc3339<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(rfc3339_millis).serialize(serializer)
}

fn rfc3339_at<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&rfc3339_millis(*time))
}
